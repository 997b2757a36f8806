import { pino } from 'pino'
import { redact } from './redact.ts'

export type Logger = pino.Logger

export interface LoggerOptions {
  level: string
  /** Where lines go; standard output unless told. */
  destination?: pino.DestinationStream
  /** Secrets that have no shape of their own, such as some vendors' keys: hidden wherever they appear. */
  secrets?: readonly string[]
}

// Lines wait in memory while standard output is slow; beyond this they are lost rather than the gateway.
const MAX_BUFFERED_BYTES = 16 * 1024 * 1024
// An ordinary line has 500 bytes. A longer one holds what nobody reads, such as an upstream's page.
const MAX_LINE_LENGTH = 64 * 1024
const KEPT_LENGTH = 8 * 1024
// A shorter one would hide harmless words.
const LEAST_SECRET_LENGTH = 8

/**
 * JSON lines with every secret taken out, at every level. Standard output is written without blocking the requests;
 * what is still in memory is flushed when the process exits.
 */
export function createLogger({ level, destination, secrets = [] }: LoggerOptions): Logger {
  const known = secrets.filter((secret) => secret.length >= LEAST_SECRET_LENGTH)
  return pino(
    {
      level,
      base: { pid: process.pid },
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      serializers: { err: describeError, error: describeError, cause: describeError },
      // The finished line: nothing can get past it by standing in an unforeseen field.
      hooks: { streamWrite: (line) => redact(bounded(line), known) },
    },
    destination ?? pino.destination({ dest: 1, sync: false, maxLength: MAX_BUFFERED_BYTES }),
  )
}

/** A line that is too long becomes one that says so and keeps its beginning, as text. */
function bounded(line: string): string {
  if (line.length <= MAX_LINE_LENGTH) return line
  const start = line.slice(0, KEPT_LENGTH)
  const head = /^\{"level":"\w+","time":"[^"]+"/.exec(line)?.[0] ?? '{"level":"warn"'
  return `${head},"msg":"a log line was too long","length":${line.length},"start":${JSON.stringify(start)}}\n`
}

interface DescribedError {
  type: string
  message: string
  stack?: string
  cause?: unknown
  errors?: unknown[]
  [detail: string]: unknown
}

// What helps to find a fault. Not PostgreSQL's `detail`, `where` and `parameters`, which repeat the row's contents.
const details = [
  'code',
  'status',
  'syscall',
  'address',
  'port',
  'severity',
  'constraint',
  'schema',
  'table',
  'column',
]
const MAX_CAUSES = 5

function describeError(thrown: unknown, depth = 0): unknown {
  if (!(thrown instanceof Error)) return thrown
  const error = thrown as Error & Record<string, unknown>
  const described: DescribedError = { type: error.constructor.name, message: error.message }
  if (error.stack !== undefined) described.stack = error.stack
  for (const name of details) {
    const value = error[name]
    if (typeof value === 'string' || typeof value === 'number') described[name] = value
  }
  if (depth >= MAX_CAUSES) return described
  const cause =
    error.cause ?? (error.meta as { driverAdapterError?: unknown } | undefined)?.driverAdapterError
  if (cause !== undefined) described.cause = describeError(cause, depth + 1)
  if (thrown instanceof AggregateError) {
    described.errors = thrown.errors.slice(0, MAX_CAUSES).map((each) => describeError(each, depth + 1))
  }
  return described
}
