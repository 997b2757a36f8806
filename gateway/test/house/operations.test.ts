import { spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, expect, test } from 'vitest'

const project = fileURLToPath(new URL('../../..', import.meta.url))
const operationsFiles = [
  '.github/workflows',
  'docker-compose.yml',
  '.dclintrc.json',
  'gateway/Dockerfile',
  'config',
]
const hasPromtool = spawnSync('promtool', ['--version']).error === undefined
const copies: string[] = []
afterEach(() => {
  for (const folder of copies.splice(0)) rmSync(folder, { recursive: true, force: true })
})

/** Runs the real check over a copy of the operations files in which `from` was replaced by `to`. */
function checkWith(file: string, from: string, to: string): { passes: boolean; says: string } {
  const root = mkdtempSync(join(tmpdir(), 'operations-'))
  copies.push(root)
  for (const name of operationsFiles) {
    mkdirSync(dirname(join(root, name)), { recursive: true })
    cpSync(join(project, name), join(root, name), { recursive: true })
  }
  const text = readFileSync(join(root, file), 'utf8')
  expect(text).toContain(from)
  writeFileSync(join(root, file), text.replaceAll(from, to))
  const tool = join(project, 'gateway/tools/check-operations.mjs')
  const { status, stderr } = spawnSync(process.execPath, [tool, '--root', root], { encoding: 'utf8' })
  return { passes: status === 0, says: stderr }
}

test('the operations files that we ship are sound', () => {
  expect(checkWith('docker-compose.yml', 'service_healthy', 'service_healthy')).toEqual({
    passes: true,
    says: '',
  })
})

test.each([
  ['a misspelt condition in compose', 'docker-compose.yml', 'service_healthy', 'service_healty'],
  ['an unknown Dockerfile instruction', 'gateway/Dockerfile', 'EXPOSE 4000', 'EXPOZE 4000'],
  ['a workflow expression of nothing', '.github/workflows/ci.yml', 'matrix.node', 'matrix.nodes'],
])('%s is refused', (_what, file, from, to) => {
  const { passes, says } = checkWith(file, from, to)
  expect(passes).toBe(false)
  expect(says).toContain(file)
})

test.runIf(hasPromtool)('an alert whose threshold moves fails its own rule test', () => {
  const { passes, says } = checkWith('config/alerts.yml', '> 0.01', '> 0.5')
  expect(passes).toBe(false)
  expect(says).toContain('BuyersSeeServerErrors')
})

test('everything that compose publishes is bound to loopback, and no secret has a default', () => {
  const compose = readFileSync(join(project, 'docker-compose.yml'), 'utf8')
  const published = [...compose.matchAll(/- '([^']*:\d+)'/g)].map(([, port]) => port)
  expect(published.length).toBeGreaterThan(0)
  for (const port of published) expect(port).toMatch(/^127\.0\.0\.1:/)
  for (const [variable] of compose.matchAll(/\$\{\w*(?:SECRET|PASSWORD|KEY)\w*[^}]*\}/g))
    expect(variable).toMatch(/:\?|:-\}$/)
})
