/** The tests that mutants must not survive, by name. Each passes on the ledger as it is. */
import fc from 'fast-check'
import { journalHistory, requestHistory } from './ledger-history.ts'
import type { Lab } from './ledger-lab.ts'
import { playOnce } from './ledger-player.ts'
import { accounts, endings, holds, records } from './ledger-probe-answers.ts'
import { checks, entries, handedOver } from './ledger-probe-checks.ts'
import { debts, journals } from './ledger-probe-journals.ts'
import { lockOrder } from './ledger-probe-locks.ts'
import { neverWaits, races } from './ledger-probe-races.ts'
import { months, windows } from './ledger-probe-time.ts'
import { stories } from './ledger-stories.ts'

// The same every day: a mutant that survives must survive again.
const SEED = 20_261_122
const HISTORIES = 60

/** Stories, then random histories; ends at the first that goes wrong. */
async function histories({ stage }: Lab): Promise<void> {
  for (const story of stories) await playOnce(stage, story)
  for (const arbitrary of [requestHistory, journalHistory]) {
    const given = { numRuns: HISTORIES, seed: SEED, endOnFailure: true }
    await fc.assert(
      fc.asyncProperty(arbitrary, (one) => playOnce(stage, one)),
      given,
    )
  }
}

export const probes: Record<string, (lab: Lab) => Promise<void>> = {
  histories,
  accounts,
  holds,
  endings,
  records,
  journals,
  debts,
  windows,
  months,
  checks,
  entries,
  'handed over': handedOver,
  'lock order': lockOrder,
  races,
  'never waits': neverWaits,
}
