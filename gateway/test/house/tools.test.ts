import { execFileSync, spawnSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, expect, test } from 'vitest'

const tools = fileURLToPath(new URL('../../tools', import.meta.url))
const folders: string[] = []
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true })
})

function plant(files: Record<string, string>): string {
  const root = mkdtempSync(join(tmpdir(), 'tools-'))
  folders.push(root)
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, name)), { recursive: true })
    writeFileSync(join(root, name), text)
  }
  return root
}

function run(tool: string, args: string[], root: string) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [tool, ...args], {
    cwd: root,
    encoding: 'utf8',
  })
  return { status, lines: stdout.trim().split('\n'), errors: stderr }
}

const vitestReport = (tests: Record<string, string>, status = 'passed') =>
  JSON.stringify({
    testResults: [
      {
        name: join(process.cwd(), 'x.test.ts'),
        status,
        message: status === 'failed' ? 'SyntaxError' : '',
        assertionResults: Object.entries(tests).map(([fullName, status]) => ({ fullName, status })),
      },
    ],
  })

const report = (files: Record<string, string>, args: string[]) =>
  run(join(tools, 'report.mjs'), args, plant(files))

test('the report of a good run ends with its figures', () => {
  const { status, lines } = report({ 'a.json': vitestReport({ one: 'passed', two: 'passed' }) }, ['a.json'])
  expect(lines.at(-1)).toBe('2 passed, 0 failed')
  expect(status).toBe(0)
})

test('what was skipped is named and is neither passed nor failed', () => {
  const { status, lines } = report({ 'a.json': vitestReport({ one: 'passed', two: 'skipped' }) }, ['a.json'])
  expect(lines).toContainEqual(expect.stringContaining('two'))
  expect(lines.slice(-2)).toEqual(['1 skipped', '1 passed, 0 failed'])
  expect(status).toBe(0)
})

test.each([
  [
    'a failed test',
    { 'a.json': vitestReport({ one: 'passed', two: 'failed' }, 'failed') },
    '1 passed, 1 failed',
  ],
  ['a file that does not load', { 'a.json': vitestReport({}, 'failed') }, '0 passed, 1 failed'],
  ['a run without a single test', { 'a.json': vitestReport({}) }, '0 passed, 1 failed'],
  ['a run that broke off', {}, '0 passed, 1 failed'],
  [
    'a failed check beside good tests',
    { 'a.json': vitestReport({ one: 'passed' }), steps: 'npm run check\n' },
    '1 passed, 1 failed',
  ],
])('%s makes the run fail', (_what, files, last) => {
  const { status, lines } = report(files, ['--also-failed', 'steps', '--ended', '0', 'a.json'])
  expect(lines.at(-1)).toBe(last)
  expect(status).toBe(1)
})

test('an error outside of any test makes the run fail', () => {
  const { status, lines } = report({ 'a.json': vitestReport({ one: 'passed' }) }, ['--ended', '1', 'a.json'])
  expect(lines.at(-1)).toBe('1 passed, 1 failed')
  expect(status).toBe(1)
})

test.each([
  ['a path of one machine', 'notes.md', `see ${'/ho'}me/ada/notes`],
  ['a test that does not run', 'a.test.ts', `test.${'on'}ly('x', () => {})`],
  ['unfinished work', 'a.ts', `// ${'TO'}DO later`],
  ['a secret', 'a.md', `sk_${'live'}_51abcdefghij`],
])('%s is not committed', (what, file, text) => {
  const root = plant({ [file]: `${text}\n` })
  execFileSync('git', ['init', '--quiet'], { cwd: root })
  const { status, errors } = run(join(tools, 'check-words.mjs'), ['--root', root], root)
  expect(errors).toContain(`${file}:1 ${what}`)
  expect(status).toBe(1)
})

test('recordings that are missing or broken are counted as missing', () => {
  const root = plant({
    'index.json': JSON.stringify([{ file: 'a.json' }, { file: 'b.json' }, { file: 'c.json' }]),
    'a.json': '{"body":"x"}',
    'b.json': '{"body":',
  })
  const tool = join(tools, 'count-recordings.mjs')
  const env = { ...process.env, RECORDINGS_DIR: root }
  const { status, stdout } = spawnSync(process.execPath, [tool], { encoding: 'utf8', env })
  expect(stdout.trim()).toBe('recordings 1/189')
  expect(status).toBe(1)
})

/** The build in a tree where nothing is installed, as in an image without development packages. */
function buildWithoutTools(files: Record<string, string>, args: string[]) {
  const root = plant({
    'package.json': '{}',
    'gateway/package.json': '{}',
    'prisma/schema/a.prisma': '',
    ...files,
  })
  cpSync(join(tools, 'build.mjs'), join(root, 'gateway/tools/build.mjs'))
  return { root, ...run(join(root, 'gateway/tools/build.mjs'), args, root) }
}

test('where development packages are absent, `prepare` is quiet and ends well', () => {
  const built = { 'gateway/src/generated/prisma/client.ts': '', 'gateway/dist/main.js': '' }
  const { root, status, lines, errors } = buildWithoutTools(built, ['--prepare'])
  expect({ status, said: lines.join(''), errors }).toEqual({ status: 0, said: '', errors: '' })
  expect(existsSync(join(root, '.cache/build.lock'))).toBe(false)
})

test('a start without a build and without its tools says what to run', () => {
  const { status, errors } = buildWithoutTools({ 'gateway/src/main.ts': '' }, ['--only', 'gateway'])
  expect(errors).toContain('Run `npm ci`')
  expect(status).toBe(1)
})

test('a lock that a killed build left behind does not stop the next one', () => {
  const { status } = buildWithoutTools({ '.cache/build.lock': '999999999' }, ['--prepare'])
  expect(status).toBe(0)
})
