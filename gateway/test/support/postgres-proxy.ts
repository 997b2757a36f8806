/**
 * A TCP proxy before PostgreSQL that reads the wire protocol just far enough to see which prepared statement runs, so
 * that a test can act at an exact moment of it without a hook in the product: before the server sees the statement,
 * while it runs, or after it was committed and nobody has heard of it.
 */
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'

export type Moment = 'before' | 'during' | 'after'

export interface Trap {
  /** The prepared statement's name, or the first word of a text that is sent without one. */
  statement: string
  moment: Moment
  /** Which run of the statement counts, from 1, over all connections since the trap was set. */
  occurrence?: number
  /**
   * What happens then. `before` and `after` keep the statement, or its answer, back for good, so what is done here
   * should end one of the two sides; `during` has passed it on.
   */
  act: (scene: Scene) => void
}

export interface Scene {
  /** The server process of this connection, as the server told it. */
  backendPid: number | undefined
  /** Breaks the connection in both directions. */
  cut(): void
}

export interface PostgresProxy {
  port: number
  /** Where new connections go from now on. */
  target(port: number): void
  /** Sets a trap; resolves once it has acted. Only one is set at a time, a new one replaces it. */
  arm(trap: Trap): Promise<void>
  disarm(): void
  /** Keeps every run of this statement from the server until its connection ends. */
  stall(statement: string | undefined): void
  /** Runs of each prepared statement so far. */
  seen: ReadonlyMap<string, number>
  close(): Promise<void>
}

interface Armed extends Trap {
  left: number
  acted: () => void
}

interface Watch {
  seen: Map<string, number>
  armed: Armed | undefined
  stalled: string | undefined
}

export async function startPostgresProxy(targetPort: number): Promise<PostgresProxy> {
  const watch: Watch = { seen: new Map(), armed: undefined, stalled: undefined }
  const sockets = new Set<Socket>()
  let toPort = targetPort
  const server = createServer((client) => {
    const database = connect({ port: toPort, host: '127.0.0.1', noDelay: true })
    client.setNoDelay(true)
    for (const socket of [client, database]) {
      sockets.add(socket)
      socket.on('error', () => undefined)
      socket.on('close', () => sockets.delete(socket))
    }
    join(client, database, watch)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    port: (server.address() as AddressInfo).port,
    target(port) {
      toPort = port
    },
    arm: (trap) =>
      new Promise((resolve) => {
        watch.armed = { ...trap, left: trap.occurrence ?? 1, acted: resolve }
      }),
    disarm() {
      watch.armed = undefined
    },
    stall(statement) {
      watch.stalled = statement
    },
    seen: watch.seen,
    async close() {
      for (const socket of sockets) socket.destroy()
      server.close()
      await once(server, 'close')
    },
  }
}

/** Joins the two sides message by message, until one of them ends. */
function join(client: Socket, database: Socket, watch: Watch): void {
  const fromClient = messageSplitter({ startup: true })
  const fromDatabase = messageSplitter({ startup: false })
  let backendPid: number | undefined
  // A trap that waits for the answer; until then nothing goes back to the client.
  let awaited: Armed | undefined
  let isKept = false
  const scene = (): Scene => ({
    backendPid,
    cut() {
      client.destroy()
      database.destroy()
    },
  })
  const spring = (trap: Armed) => {
    trap.act(scene())
    trap.acted()
  }
  client.on('data', (bytes: Buffer) => {
    for (const message of fromClient(bytes)) {
      if (isKept) return
      const name = statementOf(message)
      if (name !== undefined) watch.seen.set(name, (watch.seen.get(name) ?? 0) + 1)
      const trap = name === undefined ? undefined : take(watch, name)
      if (trap?.moment === 'before' || (name !== undefined && name === watch.stalled)) {
        isKept = true
        if (trap) spring(trap)
        return
      }
      if (trap) awaited = trap
      database.write(message)
      // The server works once it is asked to sync; with less it would not even have begun.
      if (awaited?.moment === 'during' && /[SQ]/.test(typeOf(message))) {
        const sprung = awaited
        awaited = undefined
        spring(sprung)
      }
    }
  })
  database.on('data', (bytes: Buffer) => {
    for (const message of fromDatabase(bytes)) {
      if (isKept) return
      if (typeOf(message) === 'K') backendPid = message.readInt32BE(5)
      if (awaited?.moment !== 'after') client.write(message)
      else if (typeOf(message) === 'Z') {
        isKept = true
        spring(awaited)
        return
      }
    }
  })
  client.on('close', () => database.destroy())
  database.on('close', () => client.destroy())
}

/** The armed trap, when this is the run that it waits for. */
function take(watch: Watch, name: string): Armed | undefined {
  const { armed } = watch
  if (armed?.statement !== name) return undefined
  armed.left -= 1
  if (armed.left > 0) return undefined
  watch.armed = undefined
  return armed
}

/** What a Bind message runs, or the first word of a simple query. */
function statementOf(message: Buffer): string | undefined {
  const type = typeOf(message)
  if (type === 'Q') return message.subarray(5, -1).toString('latin1').trimStart().split(/\s/, 1)[0]
  if (type !== 'B') return undefined
  const portalEnd = message.indexOf(0, 5)
  return message.subarray(portalEnd + 1, message.indexOf(0, portalEnd + 1)).toString('latin1')
}

function typeOf(message: Buffer): string {
  return String.fromCharCode(message[0] ?? 0)
}

/** Cuts a stream of bytes into whole messages; the first one from a client has no type byte. */
function messageSplitter({ startup }: { startup: boolean }): (bytes: Buffer) => Buffer[] {
  let pending: Buffer = Buffer.alloc(0)
  let isFirst = startup
  return (bytes) => {
    pending = pending.length === 0 ? bytes : Buffer.concat([pending, bytes])
    const messages: Buffer[] = []
    for (;;) {
      const head = isFirst ? 0 : 1
      if (pending.length < head + 4) return messages
      const end = head + pending.readUInt32BE(head)
      if (pending.length < end) return messages
      messages.push(pending.subarray(0, end))
      pending = pending.subarray(end)
      isFirst = false
    }
  }
}
