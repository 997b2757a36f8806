import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, beforeEach, expect, test, vi } from 'vitest'
import { batchChecks } from '../../test/support/ledger-code-checks.ts'
import { journalChecks } from '../../test/support/ledger-code-checks-journals.ts'
import { moneyChecks } from '../../test/support/ledger-code-checks-money.ts'
import { type Load, loadSource, withCodeMutant } from '../../test/support/ledger-code-lab.ts'
import { createLab, type Lab } from '../../test/support/ledger-lab.ts'
import { codeMutants } from '../../test/support/ledger-mutants-code.ts'
import { moneyMutants } from '../../test/support/ledger-mutants-money.ts'

// How long nothing must come back before it counts as hanging.
const HANGS_MS = 1_500
const HANGS = 'it hangs'

let lab: Lab

beforeAll(async () => {
  lab = await createLab()
})

beforeEach(() => {
  // The jitter of the waits between two attempts.
  vi.spyOn(Math, 'random').mockReturnValue(0)
})

afterAll(() => lab.close())

const checks: Record<string, (load: Load, lab: Lab) => Promise<void>> = {
  ...batchChecks,
  ...journalChecks,
  ...moneyChecks,
}

test.each(Object.keys(checks))(
  'the check of %s is content with the code as it is',
  async (name) => {
    await checks[name]?.(loadSource, lab)
  },
  60_000,
)

const mutants = [...codeMutants, ...moneyMutants]

test.each(mutants.map((mutant) => [mutant.file, mutant.fault, mutant] as const))(
  'it is noticed when, in %s, %s',
  async (_file, _fault, mutant) => {
    const check = checks[mutant.by]
    if (!check) throw new Error(`there is no check of ${mutant.by}`)
    const noticed = await withCodeMutant(mutant, async (load) => {
      // A mutant that cannot even be read would prove nothing.
      await load(mutant.file)
      const failure = failureOf(check(load, lab))
      return mutant.hangs ? Promise.race([failure, delay(HANGS_MS, HANGS)]) : failure
    })
    if (mutant.hangs) expect(noticed).toBe(HANGS)
    expect(noticed, `the check of ${mutant.by} did not tell the mutant from the original`).toBeDefined()
  },
  60_000,
)

function failureOf(work: Promise<void>): Promise<unknown> {
  return work.then(
    () => undefined,
    (error: unknown) => error,
  )
}
