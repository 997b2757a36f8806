/** What the console asks the API, made from the OpenAPI document: each list and chart, by each filter, range and grouping. */
import { DAY_MS } from './market-plan.ts'

/** One way of asking one thing, by one person. */
export interface Variant {
  /** `GET /api/requests outcome=failed 30d · operator`. */
  name: string
  who: Person
  path: string
}

export type Person = 'operator' | 'whale' | 'top-seller' | 'small-buyer'

/** Things that exist in the seeded market, by the names of parameters. */
export interface Known {
  /** For a parameter of a query; several are asked one by one. */
  values: Readonly<Record<string, readonly string[]>>
  /** For what stands in braces in a path, by the path. */
  ids: Readonly<Record<string, string>>
  whaleId: string
  nowMs: number
}

interface Parameter {
  name: string
  in: string
  schema?: { enum?: string[]; type?: string }
}

interface GetOperation {
  'x-access': string
  parameters?: Parameter[]
  responses: Record<string, { content?: Record<string, unknown> }>
}

export interface Document {
  paths: Record<string, { get?: GetOperation }>
}

type Search = Record<string, string>

const PEOPLE_OF: Record<string, Person[]> = {
  operator: ['operator'],
  seller: ['top-seller'],
  buyer: ['whale', 'small-buyer'],
}
const EVERYBODY: Person[] = ['operator', 'whale', 'top-seller', 'small-buyer']
const SPANS = { '24h': DAY_MS, '7d': 7 * DAY_MS, '30d': 30 * DAY_MS }
// The lists and charts in which an operator looks at the whole market.
const WHOLE_MARKET = new Set(['/api/requests', '/api/usage'])
// Ways of writing the same answer, what goes on for ever, and what only makes sense together with something else.
const NOT_ASKED = new Set([
  'format',
  'cursor',
  'limit',
  'before',
  'tz',
  'from',
  'to',
  'organisation',
  'side',
  'account',
  'splitBy',
])

/** Every GET operation under /api that answers JSON; `left out` names those that are not asked, and why. */
export function variantsOf(document: Document, known: Known): { variants: Variant[]; leftOut: string[] } {
  const variants: Variant[] = []
  const leftOut: string[] = []
  for (const [template, { get }] of Object.entries(document.paths)) {
    if (!get || !template.startsWith('/api/')) continue
    const path = known.ids[template] ?? template
    if ('text/event-stream' in (get.responses['200']?.content ?? {})) leftOut.push(`${template}: a stream`)
    else if (path.includes('{')) leftOut.push(`${template}: nothing known to ask for`)
    else {
      for (const who of PEOPLE_OF[get['x-access']] ?? EVERYBODY)
        variants.push(...asked({ template, path, get, who, known }))
    }
  }
  return { variants, leftOut }
}

interface Asked {
  template: string
  path: string
  get: GetOperation
  who: Person
  known: Known
}

function asked({ template, path, get, who, known }: Asked): Variant[] {
  const parameters = (get.parameters ?? []).filter((each) => each.in === 'query')
  const has = (name: string) => parameters.some((each) => each.name === name)
  const standing = standingOf(template, who, has)
  const variant = (label: string, search: Search): Variant => ({
    name: `${template}${label === '' ? '' : ` ${label}`} · ${who}`,
    who,
    path: withSearch(path, { ...standing, ...search }),
  })
  const ranged = has('from') && has('to') && !template.startsWith('/api/audit')
  const month = ranged ? spanOf('30d', known.nowMs) : {}
  const found = [variant('', {})]
  if (who === 'small-buyer') return found
  if (ranged)
    for (const span of Object.keys(SPANS) as Span[]) found.push(variant(span, spanOf(span, known.nowMs)))
  for (const { name, schema } of parameters) {
    if (NOT_ASKED.has(name)) continue
    for (const value of schema?.enum ?? known.values[name] ?? [])
      found.push(variant(`${name}=${shorter(value)}${ranged ? ' 30d' : ''}`, { ...month, [name]: value }))
  }
  if (has('splitBy')) {
    const splits = parameters.find(({ name }) => name === 'splitBy')?.schema?.enum ?? []
    for (const splitBy of splits) {
      found.push(variant(`groupBy=day splitBy=${splitBy} 30d`, { ...month, groupBy: 'day', splitBy }))
      found.push(
        variant(`groupBy=hour splitBy=${splitBy} 24h`, {
          ...spanOf('24h', known.nowMs),
          groupBy: 'hour',
          splitBy,
        }),
      )
    }
  }
  if (who === 'operator' && has('organisation'))
    found.push(variant('of the whale 30d', { ...month, organisation: known.whaleId }))
  return found
}

/** What the console sends along for this person without being asked. */
function standingOf(template: string, who: Person, has: (name: string) => boolean): Search {
  if (who === 'operator' && WHOLE_MARKET.has(template)) return { organisation: 'all' }
  if (who !== 'top-seller') return {}
  return { ...(has('side') ? { side: 'seller' } : {}), ...(has('account') ? { account: 'seller' } : {}) }
}

type Span = keyof typeof SPANS

function spanOf(span: Span, nowMs: number): Search {
  return { from: new Date(nowMs - SPANS[span]).toISOString(), to: new Date(nowMs).toISOString() }
}

export function withSearch(path: string, search: Search): string {
  const text = new URLSearchParams(search).toString()
  return text === '' ? path : `${path}${path.includes('?') ? '&' : '?'}${text}`
}

const shorter = (value: string) => (value.length > 20 ? `${value.slice(0, 4)}…` : value)
