/** What a run of the ledger bench came to: the table, the ratios that are asked for, or both as JSON. */
import type { Round } from './ledger-bench-load.ts'
import { median } from './load-client.ts'

export interface Subject {
  name: string
  /**
   * `open` is ours in an open loop, `load` books nowhere, `unbatched` is ours without group commit, and `function` is
   * plain SQL with a round trip per phase.
   */
  kind: 'ours' | 'open' | 'load' | 'unbatched' | 'sql' | 'function' | 'orm'
  rounds: Round[]
  /** Runs one round, or a part of it. */
  run(share: number): Promise<Round>
}

export interface Facts extends Record<string, unknown> {
  violations: number
  rivalsAddUp: boolean
}

interface Ratio {
  what: string
  aim: string
  median: number
  /** Lowest and highest of a round. */
  range: [number, number]
  held: boolean | undefined
}

const AIM_SQL = 4
const AIM_ORM = 15
const AIM_HOLD_MS = 8

export function report(subjects: readonly Subject[], facts: Facts, { json }: { json: boolean }): void {
  const ratios = ratiosOf(subjects)
  const table = subjects.map(lineOf)
  if (json) console.log(JSON.stringify({ facts, subjects: table, ratios }))
  else {
    console.table(table)
    console.table(ratios.map(({ range, ...ratio }) => ({ ...ratio, range: range.join(' – ') })))
    console.log(facts)
  }
  if (facts.violations > 0 || !facts.rivalsAddUp) process.exitCode = 1
}

function ratiosOf(subjects: readonly Subject[]): Ratio[] {
  const named = (name: string) => subjects.find((subject) => subject.name === name) as Subject
  const best = (kind: Subject['kind']) =>
    subjects
      .filter((subject) => subject.kind === kind)
      .reduce((left, right) => (rate(left) >= rate(right) ? left : right))
  const [few, many] = [named('ours, 64 in flight'), named('ours, 256 in flight')]
  const most = named('ours, 1000 in flight')
  const [sql, alone, call, orm] = [best('sql'), best('unbatched'), best('function'), best('orm')]
  const times = (subject: Subject, rival: Subject, aim?: number) =>
    compared(`${subject.name} ÷ ${rival.name}`, subject, rival, aim)
  return [
    times(few, sql, AIM_SQL),
    times(many, sql, AIM_SQL),
    times(most, sql, AIM_SQL),
    times(few, alone),
    times(many, alone),
    times(few, call),
    times(many, call),
    times(few, orm, AIM_ORM),
    times(many, orm, AIM_ORM),
    times(named('ours, 64 in flight, one buyer'), few, 1),
    times(named('ours, 256 in flight, one buyer'), many, 1),
    ...subjects.filter(({ kind }) => kind === 'open').map(holdTime),
    ...[few, many].map((subject) => batcherCpu(subject, named('the load alone'))),
  ]
}

/** Rounds are paired, because those of one round met the same machine. */
function compared(what: string, subject: Subject, rival: Subject, aim?: number): Ratio {
  const values = subject.rounds.map(
    ({ requestsPerSecond }, index) => requestsPerSecond / (rival.rounds[index] as Round).requestsPerSecond,
  )
  return ratio(
    what,
    values,
    aim === undefined ? '' : `≥ ${aim} ×`,
    (value) => aim === undefined || value >= aim,
  )
}

function holdTime({ name, rounds }: Subject): Ratio {
  const values = rounds.map(({ holdP50Ms }) => holdP50Ms)
  return ratio(`${name}: hold p50 in ms`, values, `≤ ${AIM_HOLD_MS} ms`, (value) => value <= AIM_HOLD_MS)
}

/** What is left of the process's CPU when the load, which was measured on its own, is taken off. */
function batcherCpu({ name, rounds }: Subject, load: Subject): Ratio {
  const values = rounds.map(
    ({ cpuMicrosPerRequest }, index) =>
      cpuMicrosPerRequest - (load.rounds[index] as Round).cpuMicrosPerRequest,
  )
  return ratio(`${name}: CPU of the ledger's client in µs per request`, values, '', () => true)
}

function ratio(what: string, values: number[], aim: string, holds: (value: number) => boolean): Ratio {
  const middle = median(values)
  return {
    what,
    aim,
    median: rounded(middle),
    range: [rounded(Math.min(...values)), rounded(Math.max(...values))],
    held: aim === '' ? undefined : holds(middle),
  }
}

function lineOf({ name, rounds }: Subject) {
  const of = (field: keyof Round) => rounded(median(rounds.map((round) => round[field])))
  const rates = rounds.map(({ requestsPerSecond }) => Math.round(requestsPerSecond))
  return {
    subject: name,
    'requests/s': Math.round(of('requestsPerSecond')),
    range: `${Math.min(...rates)}–${Math.max(...rates)}`,
    'hold p50 ms': of('holdP50Ms'),
    'hold p99 ms': of('holdP99Ms'),
    'settle p50 ms': of('settleP50Ms'),
    'settle p99 ms': of('settleP99Ms'),
    'process CPU µs/request': of('cpuMicrosPerRequest'),
  }
}

const rate = ({ rounds }: Subject) => median(rounds.map(({ requestsPerSecond }) => requestsPerSecond))
const rounded = (value: number) => Math.round(value * 100) / 100
