/** Which database errors pass by themselves, whether they come from `pg`, from Prisma or from the socket below. */

// Serialization, deadlock, lock not available, statement cancelled, a server that only reads while it is failed over.
const PASSING_SQLSTATES = new Set(['40001', '40P01', '55P03', '57014', '25006'])
// Connection lost, out of resources, the server's disk; and a password that is being changed, which says nothing of
// what was asked.
const PASSING_CLASSES = new Set(['08', '53', '58', '28'])
const SQLSTATE = /^[0-9A-Z]{5}$/
const SOCKET_ERROR = /^E[A-Z]{3,}$/
// What the driver says without a code when the connection went away or was never made.
const CONNECTION_LOST =
  /connection terminated|connection error|read timeout|timeout exceeded when trying to connect|not queryable/i

/**
 * True when the same operation may succeed if it is sent again: a conflict, an overloaded or lost server. Also when
 * nobody knows whether it was committed, so only what is idempotent may be sent again.
 */
export function isTransient(error: unknown): boolean {
  const code = sqlState(error)
  if (code !== undefined)
    return PASSING_SQLSTATES.has(code) || PASSING_CLASSES.has(code.slice(0, 2)) || code.startsWith('57P0')
  const { code: name, message } = error as { code?: unknown; message?: unknown }
  if (typeof name === 'string' && SOCKET_ERROR.test(name)) return true
  return typeof message === 'string' && CONNECTION_LOST.test(message)
}

/** The server's five-character code, when the error came from the server. */
export function sqlState(error: unknown): string | undefined {
  const { code, severity } = error as { code?: unknown; severity?: unknown }
  return typeof code === 'string' && SQLSTATE.test(code) && severity !== undefined ? code : undefined
}

type Cause = Record<string, unknown>

/** The error, what caused it, and what Prisma wraps in `meta`, from the outside in. */
export function* causes(error: unknown): Generator<Cause> {
  let current = error
  for (let depth = 0; depth < 6 && typeof current === 'object' && current !== null; depth += 1) {
    const cause = current as Cause
    yield cause
    const meta = cause.meta as { driverAdapterError?: unknown } | undefined
    current = meta?.driverAdapterError ?? cause.cause
  }
}
