import { readdirSync, readFileSync } from 'node:fs'
import { parser } from '@prometheus-io/lezer-promql'
import { expect, test } from 'vitest'
import { parse as parseYaml } from 'yaml'
import { createMetrics } from '../../src/platform/metrics.ts'

interface Panel {
  id: number
  title: string
  type: string
  gridPos: { x: number; y: number; w: number; h: number }
  datasource?: { uid: string }
  targets?: { expr: string; refId: string; datasource?: { uid: string } }[]
}

interface Dashboard {
  uid: string
  panels: Panel[]
  templating: { list: { name: string; type: string }[] }
}

const project = new URL('../../../', import.meta.url)
const folder = new URL('grafana/dashboards/', project)
const dashboards = readdirSync(folder).map((file) => ({
  file,
  dashboard: JSON.parse(readFileSync(new URL(file, folder), 'utf8')) as Dashboard,
}))
const rules = parseYaml(readFileSync(new URL('config/alerts.yml', project), 'utf8')) as {
  groups: { rules: { alert: string; expr: string }[] }[]
}
const queries = [
  ...dashboards.flatMap(({ file, dashboard }) =>
    dashboard.panels.flatMap(({ title, targets = [] }) =>
      targets.map(({ expr, refId }) => ({ where: `${file} ${title} ${refId}`, expr })),
    ),
  ),
  ...rules.groups.flatMap(({ rules }) => rules.map(({ alert, expr }) => ({ where: `alert ${alert}`, expr }))),
]

test('there is at least one dashboard, and each has its own uid', () => {
  expect(dashboards.length).toBeGreaterThan(0)
  expect(new Set(dashboards.map(({ dashboard }) => dashboard.uid)).size).toBe(dashboards.length)
})

test.each(dashboards)(
  '$file has one id a panel, and no panel lies on another',
  ({ dashboard: { panels } }) => {
    expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length)
    for (const [index, panel] of panels.entries()) {
      expect(panel.gridPos.x + panel.gridPos.w, panel.title).toBeLessThanOrEqual(24)
      const under = panels.slice(index + 1).filter((other) => overlaps(panel.gridPos, other.gridPos))
      expect(under.map(({ title }) => `${panel.title} × ${title}`)).toEqual([])
    }
  },
)

test.each(dashboards)(
  '$file takes its data source from a variable, so that any Prometheus serves',
  ({ dashboard }) => {
    expect(dashboard.templating.list).toContainEqual(
      expect.objectContaining({ name: 'datasource', type: 'datasource' }),
    )
    for (const panel of dashboard.panels.filter(({ type }) => type !== 'row')) {
      expect(panel.targets?.length, panel.title).toBeGreaterThan(0)
      for (const { datasource } of [panel, ...(panel.targets ?? [])])
        expect(datasource?.uid).toBe(`\${datasource}`)
    }
  },
)

test.each(queries)('$where is PromQL', ({ expr }) => {
  expect(syntaxErrors(expr)).toEqual([])
})

test('every metric and label that a dashboard or an alert names is one that the gateway exposes', async () => {
  const exposed = new Map([...(await exposedSeries()), ...registeredSeries()])
  const unknown = queries.flatMap(({ where, expr }) =>
    selectorsOf(expr).flatMap(({ metric, labels }) => {
      if (metric === 'up') return []
      const known = exposed.get(metric)
      if (known === undefined) return [`${where}: no metric ${metric}`]
      return labels
        .filter((label) => !known.has(label))
        .map((label) => `${where}: ${metric} has no label ${label}`)
    }),
  )
  expect(unknown).toEqual([])
})

test('every metric of our own is on a dashboard', async () => {
  const shown = new Set(queries.flatMap(({ expr }) => selectorsOf(expr).map(({ metric }) => metric)))
  const own = [...(await exposedSeries()).keys()].filter((name) => !/^gateway_(nodejs|process)_/.test(name))
  const families = new Set(own.map((name) => name.replace(/_(bucket|sum|count)$/, '_bucket')))
  expect([...families].filter((name) => !shown.has(name))).toEqual([])
})

test('the checks above can fail: an unclosed bracket, a misspelt metric, a label that is not there', async () => {
  expect(syntaxErrors('sum(rate(gateway_requests_total[5m])')).not.toEqual([])
  const exposed = await exposedSeries()
  expect(exposed.has('gateway_request_total')).toBe(false)
  expect(selectorsOf('sum by (model) (gateway_requests_total{code="x"})')).toEqual([
    { metric: 'gateway_requests_total', labels: ['code', 'model'] },
  ])
  expect(exposed.get('gateway_requests_total')?.has('model')).toBe(false)
})

function overlaps(a: Panel['gridPos'], b: Panel['gridPos']): boolean {
  return a.x < b.x + b.w && b.x < a.x + a.w && a.y < b.y + b.h && b.y < a.y + a.h
}

/** Grafana's own variables, filled in as Grafana would. */
function filled(expr: string): string {
  return expr.replaceAll('$__rate_interval', '1m').replaceAll('$instance', '.*')
}

function syntaxErrors(expr: string): string[] {
  const errors: string[] = []
  parser.parse(filled(expr)).iterate({
    enter: ({ type, from, to }) => {
      if (type.isError) errors.push(`at ${from}: ${filled(expr).slice(Math.max(0, from - 10), to + 10)}`)
    },
  })
  return errors
}

/** The metrics an expression reads, with the labels it filters or groups by. `le` and what Prometheus adds are left out. */
function selectorsOf(expr: string): { metric: string; labels: string[] }[] {
  const text = filled(expr)
  const selectors: { metric: string; labels: string[] }[] = []
  const grouped: string[] = []
  parser.parse(text).iterate({
    enter: ({ name, from, to, node }) => {
      if (name === 'VectorSelector') selectors.push({ metric: '', labels: [] })
      const last = selectors.at(-1)
      if (name === 'Identifier' && node.parent?.name === 'VectorSelector' && last)
        last.metric = text.slice(from, to)
      if (name !== 'LabelName') return
      if (node.parent?.name === 'GroupingLabels') grouped.push(text.slice(from, to))
      else last?.labels.push(text.slice(from, to))
    },
  })
  const added = ['le', 'instance', 'job']
  return selectors.map(({ metric, labels }) => ({
    metric,
    labels: [...new Set([...labels, ...grouped])].filter((label) => !added.includes(label)),
  }))
}

/** Names and labels as a scrape would see them after one request of each kind. */
const sources = new URL('gateway/src/', project)

/** What the rooms register by name and labels, read from their source: most of it appears on a running gateway only. */
function registeredSeries(): Map<string, Set<string>> {
  const series = new Map<string, Set<string>>()
  const files = readdirSync(sources, { recursive: true, encoding: 'utf8' })
  for (const file of files.filter((name) => /(?<!\.test)\.ts$/.test(name) && !name.startsWith('generated'))) {
    const text = readFileSync(new URL(file, sources), 'utf8')
    for (const [, kind, name = '', rest = ''] of text.matchAll(
      /(gauge|counter|samples)\??\.?\(\s*'(gateway_[a-z_]+)',(?=([\s\S]{0,300}))/g,
    )) {
      const labels = kind === 'samples' ? (/labels: \[([^\]]*)\]/.exec(rest)?.[1] ?? '') : ''
      series.set(
        name,
        new Set([...[...labels.matchAll(/'(\w+)'/g)].map(([, label = '']) => label), 'instance']),
      )
    }
  }
  return series
}

async function exposedSeries(): Promise<Map<string, Set<string>>> {
  const metrics = createMetrics()
  metrics.requestEnded({
    route: '/v1/chat/completions',
    status: 200,
    stream: true,
    durationMs: 9,
    overheadMs: 1,
    ttftMs: 5,
  })
  metrics.attemptEnded({ provider: 'demo', outcome: 'ok', durationMs: 8 })
  metrics.refused('insufficient_quota')
  metrics.batchCommitted({ queue: 'hold', size: 1, durationMs: 1 })
  metrics.billed(1n, 1n)
  const one = {
    uncachedInput: 1,
    cacheRead: 1,
    cacheWrite5m: 1,
    cacheWrite1h: 1,
    audioInput: 1,
    output: 1,
    audioOutput: 1,
  }
  metrics.tokensBilled(one)
  const series = new Map<string, Set<string>>()
  for (const line of (await metrics.render()).split('\n')) {
    const [, name, labels = ''] = /^(\w+)(?:\{(.*)\})? /.exec(line) ?? []
    if (name === undefined) continue
    const known = series.get(name) ?? new Set()
    for (const [, label] of labels.matchAll(/(\w+)="/g)) known.add(label ?? '')
    series.set(name, known)
  }
  return series
}
