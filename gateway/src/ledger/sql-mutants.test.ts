import { afterAll, beforeAll, expect, test } from 'vitest'
import { createLab, type Lab } from '../../test/support/ledger-lab.ts'
import { guardMutants } from '../../test/support/ledger-mutants-guards.ts'
import { accountMutants, postingMutants } from '../../test/support/ledger-mutants-posting.ts'
import { requestMutants } from '../../test/support/ledger-mutants-requests.ts'
import { settlingMutants } from '../../test/support/ledger-mutants-settling.ts'
import { probes } from '../../test/support/ledger-probes.ts'
import { causes } from '../platform/transient-errors.ts'

let lab: Lab

beforeAll(async () => {
  lab = await createLab()
})

afterAll(() => lab.close())

test.each(Object.keys(probes))(
  'the probe of %s is content with the ledger as it is',
  async (name) => {
    await probes[name]?.(lab)
  },
  60_000,
)

const mutants = [...requestMutants, ...settlingMutants, ...postingMutants, ...accountMutants, ...guardMutants]

// Syntax, and names and types that do not exist.
const NOT_SQL = ['42601', '42703', '42P01', '42883', '42804', '42702']

test.each(mutants.map((mutant) => [mutant.of, mutant.fault, mutant] as const))(
  'it is noticed when, in %s, %s',
  async (_of, _fault, mutant) => {
    const probe = probes[mutant.by]
    if (!probe) throw new Error(`there is no probe of ${mutant.by}`)
    const noticed = await lab.withMutant(mutant, () => failureOf(probe(lab)))
    expect(noticed, `the probe of ${mutant.by} did not tell the mutant from the original`).toBeDefined()
    // A mutant that is not even SQL would prove nothing.
    for (const { code } of causes(noticed)) expect(NOT_SQL).not.toContain(code)
  },
  60_000,
)

function failureOf(work: Promise<void>): Promise<unknown> {
  return work.then(
    () => undefined,
    (error: unknown) => error,
  )
}
