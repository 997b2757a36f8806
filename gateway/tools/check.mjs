/**
 * `npm run check`: format and lint, types, floors, dead code, migrations against schema, operations files, words.
 * Runs every step even when one fails, two at a time, and shows the output of those that failed.
 *
 *   node gateway/tools/check.mjs [name …]      only the steps named
 */
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const AT_ONCE = 2
const root = join(dirname(fileURLToPath(import.meta.url)), '../..')

const steps = [
  {
    name: 'lint',
    run: [
      'biome',
      'ci',
      '--colors=off',
      '--error-on-warnings',
      '--diagnostic-level=warn',
      '--max-diagnostics=100',
    ],
  },
  { name: 'types', run: ['tsc', '-p', 'gateway/tsconfig.json'] },
  { name: 'console-types', run: ['tsc', '-p', 'admin-ui/tsconfig.json'] },
  { name: 'browser-types', run: ['tsc', '-p', 'admin-ui/test/tsconfig.json'] },
  { name: 'floors', run: ['node', 'gateway/tools/floors.mjs'] },
  { name: 'dead-code', run: ['knip', '--no-progress'] },
  { name: 'migrations', run: ['node', 'prisma/tools/migration.mjs', 'check'] },
  { name: 'operations', run: ['node', 'gateway/tools/check-operations.mjs'] },
  { name: 'words', run: ['node', 'gateway/tools/check-words.mjs'] },
]

const named = process.argv.slice(2)
const unknown = named.filter((name) => !steps.some((step) => step.name === name))
if (unknown.length > 0)
  throw new Error(
    `no step named ${unknown.join(', ')}; there are ${steps.map(({ name }) => name).join(', ')}`,
  )
const queue = steps.filter(({ name }) => named.length === 0 || named.includes(name))

// Types and dead code are read against the generated client, which a fresh clone without `prepare` lacks.
await runStep({ name: 'client', run: ['node', 'gateway/tools/build.mjs', '--only', 'client'] })
const failed = []
await Promise.all(Array.from({ length: AT_ONCE }, worker))
console.log(failed.length === 0 ? 'check passed' : `check failed: ${failed.join(', ')}`)
process.exitCode = failed.length === 0 ? 0 : 1

async function worker() {
  for (let step = queue.shift(); step; step = queue.shift()) {
    const { ok, said, ms } = await runStep(step)
    console.log(`${ok ? 'ok    ' : 'FAILED'} ${step.name} ${(ms / 1000).toFixed(1)} s`)
    if (ok) continue
    failed.push(step.name)
    console.log(said.trimEnd().replace(/^/gm, '  '))
  }
}

function runStep({ run: [command, ...args] }) {
  const startedMs = Date.now()
  const program = command === 'node' ? process.execPath : binary(command)
  return new Promise((resolve) => {
    const child = spawn(program, args, {
      cwd: root,
      env: { ...process.env, NO_COLOR: '1', FORCE_COLOR: undefined },
    })
    let said = ''
    child.stdout.on('data', (chunk) => (said += chunk))
    child.stderr.on('data', (chunk) => (said += chunk))
    child.on('error', (error) => resolve({ ok: false, said: String(error), ms: Date.now() - startedMs }))
    child.on('close', (code) => resolve({ ok: code === 0, said, ms: Date.now() - startedMs }))
  })
}

function binary(name) {
  const places = ['node_modules/.bin', 'gateway/node_modules/.bin', 'admin-ui/node_modules/.bin']
  const suffix = process.platform === 'win32' ? '.cmd' : ''
  return places.map((place) => join(root, place, name + suffix)).find(existsSync) ?? name
}
