/** Finishes what an earlier life of this gateway left in its spool, before anything new is served. */
import { isParked, type Ledger } from '../ledger/ledger.ts'
import type { Logger } from '../platform/logger.ts'
import { bookBill } from './book-bill.ts'
import { forgetSegments, type Leftover, readSpool } from './spool.ts'

// As many as two batches of the ledger.
const AT_ONCE = 1_000

export interface Recovered {
  /** Told to a client, and booked now or before. */
  settled: number
  /** Broken by us: the buyer pays nothing, the seller was paid by us. */
  writtenOff: number
  /** Nothing had come back for them. */
  released: number
  /** Refused by the ledger and parked in its dead letters. */
  parked: number
  damagedLines: number
}

interface RecoverDeps {
  directory: string
  ledger: Pick<Ledger, 'accountId' | 'settle' | 'writeOff' | 'release'>
  logger: Pick<Logger, 'warn' | 'error'>
}

/**
 * Replays the spool and deletes it. Safe to be killed at any point and run again. Throws what the ledger throws when it
 * cannot be reached; the spool then stays as it is.
 */
export async function recoverSpool({ directory, ledger, logger }: RecoverDeps): Promise<Recovered> {
  const { leftovers, damaged, segments } = readSpool(directory)
  const counts: Recovered = { settled: 0, writtenOff: 0, released: 0, parked: 0, damagedLines: damaged }
  for (let first = 0; first < leftovers.length; first += AT_ONCE) {
    const outcomes = await Promise.all(
      leftovers.slice(first, first + AT_ONCE).map((one) => finish(one, ledger, logger)),
    )
    for (const outcome of outcomes) counts[outcome] += 1
  }
  forgetSegments(directory, segments)
  if (leftovers.length > 0) logger.warn({ ...counts }, 'requests of a killed process were brought to an end')
  if (damaged > 0)
    logger.error({ damaged, directory }, 'the spool had damaged lines; they are kept beside it')
  return counts
}

async function finish(
  leftover: Leftover,
  ledger: RecoverDeps['ledger'],
  logger: RecoverDeps['logger'],
): Promise<Exclude<keyof Recovered, 'damagedLines'>> {
  try {
    switch (leftover.kind) {
      case 'bill':
        await bookBill(ledger, leftover.bill)
        return 'settled'
      case 'mark': {
        const outcome = await ledger.writeOff({ id: leftover.id, ...leftover.mark })
        return outcome === 'settled' ? 'settled' : outcome === 'written_off' ? 'writtenOff' : 'released'
      }
      case 'admitted':
        // Settled, when what was written behind this line is lost with the disk's last moments.
        return (await ledger.release(leftover.id, 'its gateway was killed')) === 'settled'
          ? 'settled'
          : 'released'
    }
  } catch (error) {
    // Parked by the ledger: somebody has to look at it, and it must not keep the gateway from starting.
    if (!isParked(error)) throw error
    logger.error({ err: error, id: leftover.id }, 'a request could not be brought to an end')
    return 'parked'
  }
}
