import { Worker } from 'node:worker_threads'
import { type ErrorCode, GatewayError } from '../platform/errors.ts'
import type { Logger } from '../platform/logger.ts'
import { type ParsedChat, parseChat } from './parse-chat.ts'

// Parsing runs at some 40 MB/s: below this it costs the loop a few milliseconds at most.
const INLINE_BYTES = 256 * 1024
// Each waiting body is up to 32 MiB of memory.
const MAX_WAITING = 32

export interface ParseJob {
  id: number
  bytes: Uint8Array
}

export type ParseAnswer =
  | { id: number; parsed: ParsedChat }
  | { id: number; refusal: { code: ErrorCode; message: string; param?: string } }

export interface ChatParser {
  /** Throws `invalid_json`, `invalid_value`, or `overloaded` when too many large bodies wait. */
  parse(bytes: Buffer): Promise<ParsedChat> | ParsedChat
  close(): Promise<void>
}

interface Waiting {
  resolve(parsed: ParsedChat): void
  reject(error: GatewayError): void
}

/** Parses small bodies at once and large ones on a thread of its own, started at the first of them. */
export function createChatParser({ logger }: { logger: Logger }): ChatParser {
  const waiting = new Map<number, Waiting>()
  let worker: Worker | undefined
  let lastId = 0

  function start(): Worker {
    const started = openThread()
    started.on('message', settle)
    started.on('error', (error) => logger.error({ err: error }, 'the parsing thread failed'))
    started.on('exit', () => {
      worker = undefined
      for (const { reject } of waiting.values()) reject(failed())
      waiting.clear()
    })
    started.unref()
    return started
  }

  function settle(answer: ParseAnswer): void {
    const caller = waiting.get(answer.id)
    waiting.delete(answer.id)
    if ('parsed' in answer) caller?.resolve(answer.parsed)
    else {
      const { code, message, param } = answer.refusal
      caller?.reject(new GatewayError(code, message, param === undefined ? {} : { param }))
    }
  }

  return {
    parse(bytes) {
      if (bytes.length <= INLINE_BYTES) return parseChat(bytes)
      if (waiting.size >= MAX_WAITING) {
        throw new GatewayError('overloaded', 'Too many large requests are being read; try again shortly.', {
          retryAfterMs: 1_000,
        })
      }
      worker ??= start()
      lastId += 1
      const job: ParseJob = { id: lastId, bytes }
      return new Promise((resolve, reject) => {
        waiting.set(job.id, { resolve, reject })
        worker?.postMessage(job)
      })
    },
    async close() {
      await worker?.terminate()
    },
  }
}

function failed(): GatewayError {
  return new GatewayError('unavailable', 'The request could not be read by our parser; try again.')
}

/** Built code runs as it is; from source (tests, `npm run dev`) the thread first needs the TypeScript loader. */
function openThread(): Worker {
  const options = { name: 'chat-parser' }
  if (!import.meta.url.endsWith('.ts'))
    return new Worker(new URL('./parse-worker.js', import.meta.url), options)
  const loader = JSON.stringify(import.meta.resolve('tsx/esm/api'))
  const source = JSON.stringify(new URL('./parse-worker.ts', import.meta.url).href)
  const code = `import(${loader}).then(({ tsImport }) => tsImport(${source}, ${source}))`
  return new Worker(code, { ...options, eval: true })
}
