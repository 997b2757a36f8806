/** Every fault by name, `U03.seconds`: the upstream's process behaves by it, the tests expect by it. */
import type { Fault } from './fault.ts'
import { answers } from './fault-answers.ts'
import { beginnings } from './fault-beginnings.ts'
import { refusals } from './fault-refusals.ts'
import { reports } from './fault-reports.ts'

export const faults: ReadonlyMap<string, Fault> = new Map(
  Object.entries({ ...beginnings, ...refusals, ...answers, ...reports }),
)
