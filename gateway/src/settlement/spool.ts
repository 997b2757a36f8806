/**
 * What running requests came to, on the local disk: a process that is killed leaves here what it had told its clients
 * and not yet booked. Replaying it is harmless, however often, because the ledger knows each request by its id.
 */
import { readFileSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import {
  type AppendLog,
  openAppendLog,
  readSegment,
  segmentName,
  segmentsIn,
} from '../platform/append-log.ts'
import { GatewayError } from '../platform/errors.ts'
import type { Logger } from '../platform/logger.ts'
import { type Bill, billJson, readBill } from './bill.ts'

/** The seller's share of what was served so far; paid by us when we break the request. */
export interface Mark {
  sellerOrganisationId: string
  sellerNanos: bigint
  memo: string
}

export interface Spool {
  /** Before anything is done for a request. Throws `unavailable` when the disk takes nothing. */
  admit(id: string, heldNanos: bigint): void
  /** Now and then while an answer runs; takes the place of a bill that was written before. */
  mark(id: string, mark: Mark, options?: { atOnce: boolean }): void
  /** Before the last byte leaves. False when the disk did not take it: then the commit must be waited for. */
  bill(bill: Bill): boolean
  /** Nothing is left to be done for a request. */
  done(id: string): void
  /** Requests that are not done. */
  unfinished(): number
  /** False while the disk takes nothing: then new requests are refused. */
  healthy(): boolean
  /** How often the disk refused to take something. */
  failures(): number
  close(): void
}

const LOG_EVERY_MS = 10_000

/** What a request of an earlier life still needs. */
export type Leftover =
  | { id: string; kind: 'bill'; bill: Bill }
  | { id: string; kind: 'mark'; mark: Mark }
  | { id: string; kind: 'admitted' }

type Line =
  | { t: 'admit'; id: string; held: string }
  | { t: 'mark'; id: string; seller: string; nanos: string; memo: string }
  | { t: 'bill'; id: string; bill: Record<keyof Bill, unknown> }
  | { t: 'done'; id: string }

interface SpoolDeps {
  directory: string
  logger: Pick<Logger, 'error'>
  log?: (options: Parameters<typeof openAppendLog>[0]) => AppendLog
}

/** Opens a new segment behind those there are; the caller has replayed them, and drops them with `forgetReplayed`. */
export function openSpool({ directory, logger, log = openAppendLog }: SpoolDeps): Spool {
  let failures = 0
  let loggedMs = Number.NEGATIVE_INFINITY
  let failing = false
  const onError = (error: unknown) => {
    failures += 1
    failing = true
    // A line for each request would help to fill the disk.
    const nowMs = performance.now()
    if (nowMs - loggedMs < LOG_EVERY_MS) return
    loggedMs = nowMs
    logger.error({ err: error, failures }, 'the spool cannot be written')
  }
  const file = log({ directory, segment: (segmentsIn(directory).at(-1) ?? 0) + 1, onError })
  // The segment in which each unfinished request begins, oldest first.
  const begun = new Map<string, number>()
  let kept = file.segment

  function dropOld(): void {
    const oldest = begun.values().next().value ?? file.segment
    if (oldest === kept) return
    kept = oldest
    try {
      file.dropBefore(oldest)
    } catch (error) {
      onError(error) // they go with a later one, or at the next start
    }
  }

  function tryDisk(): void {
    try {
      file.append(`{"t":"done","id":""}`)
      failing = false
    } catch (error) {
      onError(error)
    }
  }

  return {
    admit(id, heldNanos) {
      const segment = file.segment
      try {
        file.append(JSON.stringify({ t: 'admit', id, held: heldNanos.toString() } satisfies Line))
      } catch (cause) {
        onError(cause)
        throw new GatewayError(
          'unavailable',
          'The gateway cannot keep its records at the moment. Nothing was charged; try again shortly.',
          { cause, retryAfterMs: 5_000 },
        )
      }
      failing = false
      begun.set(id, segment)
    },
    mark(id, { sellerOrganisationId, sellerNanos, memo }, { atOnce } = { atOnce: false }) {
      const line: Line = { t: 'mark', id, seller: sellerOrganisationId, nanos: sellerNanos.toString(), memo }
      if (!atOnce) file.note(JSON.stringify(line))
      else {
        try {
          file.append(JSON.stringify(line))
        } catch (error) {
          onError(error)
        }
      }
    },
    bill(bill) {
      try {
        file.append(`{"t":"bill","id":"${bill.id}","bill":${billJson(bill)}}`)
        return true
      } catch (error) {
        onError(error)
        return false
      }
    },
    done(id) {
      if (!begun.delete(id)) return
      file.note(`{"t":"done","id":"${id}"}`)
      dropOld()
    },
    unfinished: () => begun.size,
    healthy() {
      // Nobody may come to find out whether there is room again: so look.
      if (failing) tryDisk()
      return !failing
    },
    failures: () => failures,
    close: () => file.close(),
  }
}

/** What the segments of earlier lives say is left to be done, and damaged lines beside the end that a kill tore. */
export function readSpool(directory: string): {
  leftovers: Leftover[]
  damaged: number
  segments: number[]
} {
  const left = new Map<string, Leftover>()
  const segments = segmentsIn(directory)
  let damaged = 0
  for (const segment of segments) {
    const read = readSegment(readFileSync(join(directory, segmentName(segment))))
    damaged += read.tornOnly ? 0 : read.damaged
    for (const text of read.lines) fold(left, JSON.parse(text) as Line)
  }
  return { leftovers: [...left.values()], damaged, segments }
}

/** Deletes segments that were replayed; keeps those with damaged lines beside them for whoever wants to look. */
export function forgetSegments(directory: string, segments: readonly number[]): void {
  for (const segment of segments) {
    const path = join(directory, segmentName(segment))
    const { damaged, tornOnly } = readSegment(readFileSync(path))
    if (damaged === 0 || tornOnly) rmSync(path)
    else renameSync(path, `${path}.${Date.now()}.damaged`)
  }
}

/** The last word on a request counts; one that is done needs nothing. */
function fold(left: Map<string, Leftover>, line: Line): void {
  const { id } = line
  switch (line.t) {
    case 'admit':
      left.set(id, { id, kind: 'admitted' })
      break
    case 'mark': {
      const mark = { sellerOrganisationId: line.seller, sellerNanos: BigInt(line.nanos), memo: line.memo }
      left.set(id, { id, kind: 'mark', mark })
      break
    }
    case 'bill':
      left.set(id, { id, kind: 'bill', bill: readBill(line.bill) })
      break
    case 'done':
      left.delete(id)
  }
}
