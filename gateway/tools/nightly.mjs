/**
 * `npm run nightly -- --minutes 60`: runs the property tests and the stories again and again with new seeds, until the
 * time is up. Each round is a line of .cache/nightly.jsonl, so that a broken-off night goes on where it stopped: seeds
 * that already passed are not tried again. A failure names the seed; --seed repeats it.
 *
 *   --minutes N    how long (60)          --runs N    fast-check runs per property (1,000); 50 times as many of the
 *                                                     ledger's model in each of its two files, 100,000 a round, and
 *                                                     5,000 times as many requests of the simulator in each of its
 *                                                     two (test/simulator/*storms*), ten million a round
 *   --only TEXT    only test files whose path contains TEXT
 *   --seed N       one round with this seed
 */
import { spawnSync } from 'node:child_process'
import { appendFileSync, existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '60' },
    runs: { type: 'string', default: '1000' },
    only: { type: 'string', default: '' },
    seed: { type: 'string' },
  },
})
const root = join(dirname(fileURLToPath(import.meta.url)), '../..')
const results = join(root, '.cache/nightly.jsonl')
mkdirSync(dirname(results), { recursive: true })
const done = existsSync(results)
  ? readFileSync(results, 'utf8').trim().split('\n').filter(Boolean).map(JSON.parse)
  : []
const vitest = join(dirname(createRequire(import.meta.url).resolve('vitest/package.json')), 'vitest.mjs')

const endMs = Date.now() + Number(values.minutes) * 60_000
let seed = values.seed
  ? Number(values.seed) - 1
  : Math.max(0, ...done.filter(({ failed }) => failed === 0).map((round) => round.seed))
let rounds = 0
let bad = 0
let sequences = 0
while (Date.now() < endMs) {
  seed += 1
  rounds += 1
  const round = runRound(seed)
  appendFileSync(results, `${JSON.stringify(round)}\n`)
  sequences += round.sequences
  console.log(
    `seed ${seed}: ${round.passed} passed, ${round.failed} failed, ${round.sequences} ledger sequences, ${round.seconds} s`,
  )
  for (const name of round.failures) console.log(`  ${name}`)
  for (const line of round.figures ?? []) console.log(line)
  if (round.failed > 0) bad += 1
  if (values.seed !== undefined) break
}
console.log(`${rounds} rounds, ${bad} with failures, ${sequences} ledger sequences; ${results}`)
process.exitCode = bad > 0 || rounds === 0 ? 1 : 0

function runRound(seed) {
  const startedMs = Date.now()
  const report = join(root, '.cache/nightly-round.json')
  const args = [
    vitest,
    'run',
    '--root',
    'gateway',
    '--config',
    'test/nightly/vitest.config.ts',
    '--reporter=json',
    `--outputFile=${report}`,
    ...values.only.split(' ').filter(Boolean),
  ]
  rmSync(report, { force: true })
  const { stderr } = spawnSync(process.execPath, args, {
    cwd: root,
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
    env: { ...process.env, FAST_CHECK_SEED: String(seed), FAST_CHECK_RUNS: values.runs },
  })
  const base = {
    at: new Date(startedMs).toISOString(),
    seed,
    runs: Number(values.runs),
    node: process.version,
  }
  const seconds = Math.round((Date.now() - startedMs) / 1000)
  if (!existsSync(report))
    return {
      ...base,
      seconds,
      sequences: 0,
      passed: 0,
      failed: 1,
      failures: [`no report: ${stderr.slice(-2000)}`],
    }
  const { testResults } = JSON.parse(readFileSync(report, 'utf8'))
  const tests = testResults.flatMap(({ assertionResults }) => assertionResults)
  const broken = testResults.filter(
    ({ status, assertionResults }) => status === 'failed' && assertionResults.length === 0,
  )
  const failures = [
    ...broken.map(({ name }) => name),
    ...tests.filter(({ status }) => status === 'failed').map(({ fullName }) => fullName),
  ]
  const passed = tests.filter(({ status }) => status === 'passed').length
  // Tests that play histories of the ledger note how many they were.
  const played = tests.reduce((total, { meta }) => total + (meta?.sequences ?? 0), 0)
  // Tests that kill gateways note what they saw.
  const figures = tests.flatMap(({ meta }) => meta?.figures ?? [])
  return { ...base, seconds, sequences: played, passed, failed: failures.length, failures, figures }
}
