import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'

// The dashboards against the real thing: a gateway that served requests, scraped by Debian's Prometheus.
const project = fileURLToPath(new URL('../../..', import.meta.url))
const hasPrometheus = spawnSync('prometheus', ['--version']).error === undefined
const folder = mkdtempSync(join(tmpdir(), 'scrape-'))
const dataDir = join(folder, 'data')
const children: ChildProcess[] = []
let prometheusUrl = ''

function start(command: string, args: string[], env: NodeJS.ProcessEnv): ChildProcess {
  const child = spawn(command, args, { cwd: project, env, stdio: 'ignore' })
  children.push(child)
  return child
}

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number }
      server.close(() => resolve(port))
    })
  })
}

beforeAll(async () => {
  if (!hasPrometheus) return
  const { PATH, HOME } = process.env
  start(process.execPath, ['--import', 'tsx', 'gateway/src/main.ts'], {
    PATH,
    HOME,
    DATA_DIR: dataDir,
    PORT: '0',
    LOG_LEVEL: 'error',
  })
  const summaryFile = join(dataDir, 'summary.json')
  await vi.waitFor(() => expect(existsSync(summaryFile)).toBe(true), { timeout: 50_000, interval: 200 })
  const { baseUrl, apiKey } = JSON.parse(readFileSync(summaryFile, 'utf8')) as {
    baseUrl: string
    apiKey: string
  }
  const port = await freePort()
  prometheusUrl = `http://127.0.0.1:${port}`
  const target = new URL(baseUrl).host
  writeFileSync(
    join(folder, 'prometheus.yml'),
    `global: { scrape_interval: 1s }\nscrape_configs: [{ job_name: gateway, static_configs: [{ targets: ['${target}'] }] }]\n`,
  )
  const flags = [
    'config.file=prometheus.yml',
    `storage.tsdb.path=${join(folder, 'tsdb')}`,
    `web.listen-address=127.0.0.1:${port}`,
  ]
  const prometheus = spawn(
    'prometheus',
    flags.map((flag) => `--${flag}`),
    { cwd: folder, stdio: 'ignore' },
  )
  children.push(prometheus)
  const load = [
    '--import',
    'tsx',
    'loadtests/smoke.ts',
    '--url',
    baseUrl,
    '--key',
    apiKey,
    '--requests',
    '600',
    '--rate',
    '15',
  ]
  start(process.execPath, load, { PATH, HOME })
  // Something to refuse, so that the refusals have a line.
  const headers = { authorization: `Bearer ${apiKey}`, 'content-type': 'application/json' }
  const body = JSON.stringify({ model: 'no-such-model', messages: [{ role: 'user', content: 'hi' }] })
  await fetch(`${baseUrl}/chat/completions`, { method: 'POST', headers, body })
}, 60_000)

afterAll(async () => {
  for (const child of children.reverse()) {
    const gone = new Promise((resolve) => child.once('exit', resolve))
    if (child.exitCode === null && child.kill('SIGTERM')) await gone
  }
  rmSync(folder, { recursive: true, force: true })
}, 60_000)

test.runIf(hasPrometheus)(
  'every query of every dashboard returns figures while a gateway is used',
  async () => {
    const dashboards = join(project, 'grafana/dashboards')
    const queries = readdirSync(dashboards).flatMap((file) =>
      (
        JSON.parse(readFileSync(join(dashboards, file), 'utf8')) as {
          panels: { title: string; targets?: { expr: string }[] }[]
        }
      ).panels.flatMap(({ title, targets = [] }) => targets.map(({ expr }) => ({ title, expr }))),
    )
    expect(queries.length).toBeGreaterThan(20)
    await vi.waitFor(async () => expect(await without(queries)).toEqual([]), {
      timeout: 60_000,
      interval: 1_000,
    })
  },
  90_000,
)

/** The queries that Prometheus answers with nothing, or with no number. */
async function without(queries: { title: string; expr: string }[]): Promise<string[]> {
  const empty: string[] = []
  for (const { title, expr } of queries) {
    const query = expr.replaceAll('$__rate_interval', '1m').replaceAll('$instance', '.*')
    const reply = await fetch(`${prometheusUrl}/api/v1/query?query=${encodeURIComponent(query)}`)
    const { data } = (await reply.json()) as { data?: { result: { value: [number, string] }[] } }
    if (!data?.result.some(({ value }) => Number.isFinite(Number(value[1])))) empty.push(`${title}: ${expr}`)
  }
  return empty
}
