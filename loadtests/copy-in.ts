/** COPY … FROM STDIN over a connection of `pg`, which only carries its messages: rows leave as fast as the server takes them. */
import { once } from 'node:events'
import type { Writable } from 'node:stream'
import type { DatabaseClient } from '../gateway/src/platform/database.ts'

export type Field = string | number | bigint | boolean | Date | Buffer | readonly string[] | null

/** What `pg` gives a query of one's own, as far as this file uses it. */
interface Wire {
  stream: Writable
  query(sql: string): void
  sendCopyFromChunk(chunk: Buffer): void
  endCopyFrom(): void
  sendCopyFail(message: string): void
}

// A chunk is written in one piece; larger ones save nothing.
const CHUNK_CHARACTERS = 65_536

/** Copies rows into `into`, for example `mail (id, kind)`; answers how many. */
export async function copyIn(
  client: DatabaseClient,
  into: string,
  rows: Iterable<readonly Field[]>,
): Promise<number> {
  const { wire, done } = begin(client, `COPY ${into} FROM STDIN`)
  const connection = await wire
  let count = 0
  try {
    let text = ''
    for (const row of rows) {
      text += line(row)
      count += 1
      if (text.length < CHUNK_CHARACTERS) continue
      await send(connection, text)
      text = ''
    }
    await send(connection, text)
    connection.endCopyFrom()
  } catch (error) {
    connection.sendCopyFail('the rows could not be made')
    await done.catch(() => undefined)
    throw error
  }
  await done
  return count
}

function begin(client: DatabaseClient, sql: string): { wire: Promise<Wire>; done: Promise<void> } {
  const wire = deferred<Wire>()
  const done = deferred<void>()
  let fault: Error | undefined
  const nothing = () => undefined
  const query = {
    submit: (connection: Wire) => connection.query(sql),
    handleCopyInResponse: (connection: Wire) => wire.resolve(connection),
    handleError(error: Error) {
      fault ??= error
      wire.reject(error)
    },
    handleReadyForQuery: () => (fault ? done.reject(fault) : done.resolve()),
    handleCommandComplete: nothing,
    handleRowDescription: nothing,
    handleDataRow: nothing,
    handleEmptyQuery: nothing,
    handlePortalSuspended: nothing,
    handleCopyData: nothing,
  }
  // Whoever waits for the wire hears of a fault first.
  done.promise.catch(nothing)
  ;(client as unknown as { query(submittable: typeof query): void }).query(query)
  return { wire: wire.promise, done: done.promise }
}

function deferred<Value>() {
  let resolve: (value: Value) => void = () => undefined
  let reject: (error: Error) => void = () => undefined
  const promise = new Promise<Value>((fulfil, refuse) => {
    resolve = fulfil
    reject = refuse
  })
  return { promise, resolve, reject }
}

async function send(connection: Wire, text: string): Promise<void> {
  if (text === '') return
  connection.sendCopyFromChunk(Buffer.from(text))
  if (connection.stream.writableNeedDrain) await once(connection.stream, 'drain')
}

function line(row: readonly Field[]): string {
  return `${row.map(shown).join('\t')}\n`
}

function shown(field: Field): string {
  if (field === null) return '\\N'
  if (typeof field === 'string') return escaped(field)
  if (field instanceof Date) return field.toISOString()
  if (Buffer.isBuffer(field)) return `\\\\x${field.toString('hex')}`
  if (Array.isArray(field)) return escaped(`{${field.map((each) => JSON.stringify(each)).join()}}`)
  return String(field)
}

function escaped(text: string): string {
  return /[\\\t\n\r]/.test(text)
    ? text.replaceAll('\\', '\\\\').replaceAll('\t', '\\t').replaceAll('\n', '\\n').replaceAll('\r', '\\r')
    : text
}
