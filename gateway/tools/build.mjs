/**
 * Builds what `npm start` runs: the Prisma client, the gateway (tsc) and the console (vite).
 * Each part lands in a folder beside its place and is renamed into it, with the hash of its inputs inside;
 * a part whose hash still matches is left alone. A lock lets two starts share one build.
 *
 *   node gateway/tools/build.mjs               every part whose inputs changed
 *   node gateway/tools/build.mjs --force       every part
 *   node gateway/tools/build.mjs --prepare     as npm's `prepare`: ends 0 where the development tools are absent
 *   node gateway/tools/build.mjs --only client,console
 */
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const LOCK_WAIT_MS = 180_000
const root = join(dirname(fileURLToPath(import.meta.url)), '../..')
const args = process.argv.slice(2)

const parts = [
  {
    name: 'client',
    output: 'gateway/src/generated/prisma',
    inputs: ['prisma/schema', 'prisma/prisma.config.ts', 'prisma/tools/prisma.mjs'],
    tool: 'prisma/build/index.js',
    // The generator writes to the place that the schema names; it is small and rewritten in 1.3 s.
    run: () => node(['prisma/tools/prisma.mjs', 'generate']),
    inPlace: true,
  },
  {
    name: 'gateway',
    output: 'gateway/dist',
    inputs: ['gateway/src', 'gateway/tsconfig.json', 'gateway/tsconfig.build.json'],
    tool: 'typescript/package.json',
    run: (target) =>
      node([
        binOf('typescript', 'tsc'),
        '-p',
        'gateway/tsconfig.build.json',
        '--noEmitOnError',
        '--outDir',
        target,
      ]),
  },
  {
    name: 'console',
    output: 'admin-ui/dist',
    inputs: [
      'admin-ui/src',
      'admin-ui/public',
      'admin-ui/index.html',
      'admin-ui/vite.config.ts',
      'admin-ui/package.json',
    ],
    needs: 'admin-ui/index.html',
    tool: 'vite/package.json',
    run: (target) =>
      node(
        [binOf('vite', 'vite'), 'build', '--logLevel', 'warn', '--emptyOutDir', '--outDir', target],
        'admin-ui',
      ),
  },
]

const only = args.includes('--only') ? (args[args.indexOf('--only') + 1] ?? '').split(',') : undefined
const wanted = parts.filter(
  ({ name, needs }) => (only?.includes(name) ?? true) && (!needs || existsSync(join(root, needs))),
)
const stale = () => wanted.filter((part) => args.includes('--force') || stampOf(part) !== hashOf(part))
process.exitCode = stale().length === 0 ? 0 : buildUnderLock()

function buildUnderLock() {
  const lock = takeLock()
  try {
    for (const part of stale()) {
      const status = build(part)
      if (status !== 0) return status
    }
    return 0
  } finally {
    rmSync(lock, { force: true })
  }
}

/** 0 when built, or when it cannot be built here and an earlier build serves. */
function build(part) {
  if (!isInstalled(part.tool)) {
    if (args.includes('--prepare') || existsSync(join(root, part.output))) return 0
    console.error(
      `The ${part.name} is not built and its tools are not installed. Run \`npm ci\` (with development dependencies) first.`,
    )
    return 1
  }
  const startedMs = Date.now()
  const hash = hashOf(part)
  const place = join(root, part.output)
  const target = part.inPlace ? place : `${place}.${process.pid}`
  const { status, said } = part.run(target)
  if (status !== 0) {
    console.error(`Building the ${part.name} failed:\n${said}`)
    if (!part.inPlace) rmSync(target, { recursive: true, force: true })
    return status || 1
  }
  writeFileSync(join(target, '.inputs'), hash)
  if (!part.inPlace) swap(target, place)
  if (!args.includes('--prepare'))
    console.log(`built the ${part.name} in ${((Date.now() - startedMs) / 1000).toFixed(1)} s`)
  return 0
}

function swap(target, place) {
  const old = `${place}.${process.pid}.old`
  if (existsSync(place)) renameSync(place, old)
  renameSync(target, place)
  rmSync(old, { recursive: true, force: true })
}

function node(argv, folder = '.') {
  const { status, stdout, stderr } = spawnSync(process.execPath, argv, {
    cwd: join(root, folder),
    encoding: 'utf8',
  })
  return { status, said: `${stdout}${stderr}`.trim() }
}

function stampOf({ output }) {
  const stamp = join(root, output, '.inputs')
  return existsSync(stamp) ? readFileSync(stamp, 'utf8') : undefined
}

/** Of contents, not of times: a checkout or a copied image keeps its build. Tests are no input. */
function hashOf({ inputs }) {
  const hash = createHash('sha256')
  for (const name of inputs.flatMap(filesUnder).filter((one) => !/\.test\.tsx?$|\.inputs$/.test(one))) {
    hash
      .update(`${name}\0`)
      .update(readFileSync(join(root, name)))
      .update('\0')
  }
  return hash.digest('hex')
}

function filesUnder(name) {
  const path = join(root, name)
  if (!existsSync(path)) return []
  if (statSync(path).isFile()) return [name]
  return readdirSync(path)
    .sort()
    .flatMap((child) => filesUnder(`${name}/${child}`))
}

function isInstalled(specifier) {
  return resolveFrom(specifier) !== undefined
}

function binOf(name, bin) {
  const manifest = resolveFrom(`${name}/package.json`)
  const { bin: bins } = JSON.parse(readFileSync(manifest, 'utf8'))
  return join(dirname(manifest), typeof bins === 'string' ? bins : bins[bin])
}

function resolveFrom(specifier) {
  for (const home of ['package.json', 'gateway/package.json', 'admin-ui/package.json']) {
    try {
      return createRequire(join(root, home)).resolve(specifier)
    } catch {}
  }
}

/** One builder at a time; a lock whose owner is gone is taken over. */
function takeLock() {
  const lock = join(root, '.cache/build.lock')
  mkdirSync(dirname(lock), { recursive: true })
  const giveUpMs = Date.now() + LOCK_WAIT_MS
  for (;;) {
    try {
      writeFileSync(lock, String(process.pid), { flag: 'wx' })
      return lock
    } catch (error) {
      if (error.code !== 'EEXIST') throw error
    }
    if (Date.now() > giveUpMs)
      throw new Error(`Another build holds ${lock}. Delete it if no build is running.`)
    if (!isAlive(Number(readIfThere(lock)))) rmSync(lock, { force: true })
    else Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 200)
  }
}

function readIfThere(path) {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}

function isAlive(pid) {
  if (!Number.isInteger(pid) || pid <= 0) return false
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return error.code === 'EPERM'
  }
}
