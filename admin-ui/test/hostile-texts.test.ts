import { expect } from 'vitest'
import { grownFromText, hostileTexts } from './support/hostile-texts.ts'
import { type Api, apiOf, chat, listKey } from './support/market-scene.ts'
import { type Person, raiseStage, story, type Visit } from './support/real-stage.ts'
import { routesOfConsole, settled } from './support/routes.ts'
import { raiseVendor, refusing, saying, type Vendor } from './support/vendor.ts'
import { CANARY } from './support/watch-faults.ts'

let vendor: Vendor
const stage = raiseStage(async () => {
  vendor = await raiseVendor()
  return { outside: vendor.outside, env: { GATEWAY_PRICE_NOTICE_S: '0' } }
})

/** What the gateway refuses cannot be shown; everything else is. */
async function plant(text: string, write: (text: string) => Promise<unknown>): Promise<string[]> {
  try {
    await write(text)
    return [text]
  } catch (error) {
    if (!/: 400 /.test((error as Error).message)) throw error
    return []
  }
}

async function plantAll(write: (text: string, index: number) => Promise<unknown>): Promise<string[]> {
  const planted = []
  for (const [index, text] of hostileTexts.entries())
    planted.push(...(await plant(text, () => write(text, index))))
  // A gateway that refuses nearly all of them would make an easy test.
  expect(planted.length).toBeGreaterThan(hostileTexts.length / 2)
  return planted
}

/** Reads a page as it stands: nothing came alive. */
async function expectOnlyText(visit: Visit, where: string): Promise<void> {
  await settled(visit.page)
  expect(await visit.page.evaluate(grownFromText), where).toEqual([])
  expect(new URL(visit.page.url()).origin, where).toBe(stage.gateway.origin)
}

/** One who may see every page, and who wrote all of it. */
async function writer(): Promise<{ person: Person; api: Api }> {
  const person = await stage.person({ name: 'Writer', roles: ['buyer', 'seller'], usd: 50 })
  await stage.gateway.api('patch', `/api/users/${person.id}`).send({ operator: true }).expect(200)
  return { person, api: await apiOf(stage.gateway, person) }
}

story('the watcher hears what it watches for', async () => {
  const { page, go } = await stage.visit()
  await go('sign-in')
  await page.evaluate((canary) => {
    document.body.insertAdjacentHTML('beforeend', `<img boo src=x onerror="${canary}('img')">`)
    document.body.insertAdjacentHTML('beforeend', '<a href="javascript:boo(1)">a link</a>')
    ;(window as unknown as Record<string, (what: string) => void>)[canary]?.('a call')
  }, CANARY)
  expect(await page.evaluate(grownFromText)).toHaveLength(2)
  await page.waitForFunction(() => document.querySelector('img[boo]') !== null)
  await expect
    .poll(() => stage.complaints())
    .toContainEqual(expect.stringMatching(/a text was executed: a call/))
  await expect.poll(() => stage.complaints()).toContainEqual(expect.stringMatching(/^CSP: script-src-attr/))
  await page.evaluate(() => fetch('https://hostile.example/').catch(() => undefined))
  await expect
    .poll(() => stage.complaints())
    .toContainEqual(expect.stringMatching(/CSP: connect-src|hostile/))
  await page.evaluate(() => setTimeout(() => alert('a dialog'), 0))
  await expect.poll(() => stage.complaints()).toContainEqual(expect.stringMatching(/a dialog of the browser/))
  stage.forgive(/./)
})

story('names, errors, answers and mails of other people are text on every page', async () => {
  const { person, api } = await writer()
  const { gateway } = stage
  const asOperator = await apiOf(gateway, stage.operator)
  await plantAll((name, index) =>
    asOperator('post', '/api/users', { name, email: `hostile-${index}@example.test`, roles: ['buyer'] }),
  )
  await plantAll((name) => api('post', '/api/keys', { name }))
  await plantAll((reason) =>
    asOperator('post', `/api/users/${person.id}/credits`, { amountNanos: '1000000', reason }),
  )
  await plantListings(api, person)
  await callWithHostileAnswers(api, person)

  const visit = await stage.visit({ as: person, userAgent: `${hostileTexts[1]} Chrome/141.0` })
  const seen = new Set<string>()
  for (const path of routesOfConsole()) {
    const address = await realAddress(api, path)
    for (const at of address) {
      await visit.go(at)
      await expectOnlyText(visit, at)
      const text = await visit.page.evaluate(() => document.body.innerText)
      for (const hostile of hostileTexts) if (text.includes(hostile)) seen.add(path)
    }
  }
  // Otherwise nothing was shown, and nothing is proved.
  for (const path of ['/keys', '/listings', '/run/users', '/run/listings', '/billing'])
    expect([...seen], `shows hostile texts`).toContain(path)
})

/** Listings whose names are hostile, and one whose vendor answers the verification with a hostile error. */
async function plantListings(api: Api, { organisationId }: Person): Promise<void> {
  await plantAll((name, index) =>
    api('post', '/api/marketplace/listings', {
      organisationId,
      provider: 'openai',
      name,
      key: `sk-hostile-${index}`,
      models: [{ model: 'openai/gpt-4o-mini', price: { kind: 'multiplier', ppm: 900_000 } }],
      ground: 'own_organisation',
      draft: index % 3 === 0,
    }),
  )
}

/** Requests whose answers and whose vendor's errors are hostile. */
async function callWithHostileAnswers(api: Api, { organisationId }: Person): Promise<void> {
  const { origin } = stage.gateway
  await listKey(stage.gateway, api, { name: 'Answers badly', key: 'sk-hostile-answers', organisationId })
  const { key = '' } = await api('post', '/api/keys', { name: 'caller', policy: { ignore: ['demo'] } })
  for (const text of hostileTexts.slice(0, 8)) {
    vendor.answer = saying(text)
    await chat(origin, key, { agent: text })
    await chat(origin, key, { model: text })
  }
  vendor.answer = refusing(400, { message: hostileTexts[1], type: hostileTexts[0], code: hostileTexts[3] })
  await chat(origin, key)
}

/** The addresses under which a route shows something: with a real id, and with what can be opened. */
async function realAddress(api: Api, path: string): Promise<string[]> {
  const first = async (list: string) => {
    const { data } = await api<{ data: { id: string }[] }>('get', list)
    return data[0]?.id ?? 'none'
  }
  const plain = path.slice(1)
  switch (path) {
    case '/requests/$id':
      return [`requests/${await first('/api/requests')}`]
    case '/listings/$id':
      return [`listings/${await first('/api/marketplace/listings?scope=own')}`]
    case '/requests':
      return [plain, `requests?open=${await first('/api/requests')}`]
    case '/keys':
      return [plain, `keys?open=${await first('/api/keys')}`]
    case '/run/users':
      return [plain, `run/users?open=${await first('/api/users')}`]
    case '/run/listings':
      return [plain, `run/listings?open=${await first('/api/marketplace/listings')}`]
    case '/market':
      return [plain, `market?model=openai%2Fgpt-4o-mini`]
    default:
      return [plain]
  }
}

const names = [
  'open',
  'q',
  'model',
  'key',
  'seller',
  'outcome',
  'from',
  'to',
  'range',
  'sort',
  'account',
  'journal',
]

story('an address full of hostile texts opens a page like any other', async () => {
  const { person } = await writer()
  const visit = await stage.visit({ as: person })
  for (const [index, path] of routesOfConsole().entries()) {
    const query = new URLSearchParams(
      [...names, 'subject', 'state', 'group', 'tab', 'token', 'email', 'organisation', 'cursor'].map(
        (name, at) => [name, hostileTexts[(index * 7 + at) % hostileTexts.length] ?? ''],
      ),
    )
    const hostileId = encodeURIComponent(hostileTexts[index % 30] ?? '')
    const at = `${path.slice(1).replace('$id', hostileId)}?${query}`
    await visit.go(at)
    await expectOnlyText(visit, at)
  }
  // What the gateway does not know it refuses, and the browser logs that.
  stage.forgive(/status of 4(00|04|22|01)/)
})

story('after signing in nobody is led away', async () => {
  const { operator } = stage
  const { page, go, context } = await stage.visit()
  for (const next of [
    'javascript:boo("next")',
    '//hostile.example/console/',
    'https://hostile.example/',
    '/\\hostile.example',
    '\\\\hostile.example',
    'data:text/html,<script>boo(1)</script>',
    '/console/../../\\hostile.example',
  ]) {
    await context.clearCookies()
    await go(`sign-in?next=${encodeURIComponent(next)}`)
    await page.getByLabel('Email').fill(operator.email)
    await page.getByRole('textbox', { name: 'Password' }).fill(operator.password)
    await page.getByRole('button', { name: 'Sign in', exact: true }).click()
    await page.waitForURL((url) => !url.pathname.endsWith('/sign-in'))
    expect(page.url(), next).toMatch(`${stage.gateway.origin}/console/`)
  }
})

story.each(['console/', 'console/keys', 'api/docs'])(
  'the policy of %s lets no script in but our own files',
  async (path) => {
    const { headers, status } = await fetch(`${stage.gateway.origin}/${path}`)
    expect(status).toBe(200)
    const policy = Object.fromEntries(
      (headers.get('content-security-policy') ?? '').split(';').map((part) => {
        const [name = '', ...sources] = part.trim().split(' ')
        return [name, sources]
      }),
    )
    expect(policy['script-src'] ?? policy['default-src']).toEqual(["'self'"])
    expect(policy['object-src'] ?? policy['default-src']).toEqual(["'none'"])
    expect(policy['frame-ancestors']?.[0]).toMatch(/^'(none|self)'$/)
    for (const [name, sources] of Object.entries(policy)) {
      for (const source of sources)
        expect(source, name).toMatch(/^('self'|'none'|data:|blob:|'unsafe-inline')$/)
      if (sources.includes("'unsafe-inline'")) expect(name).toMatch(/^style-src/)
    }
    expect(headers.get('x-content-type-options')).toBe('nosniff')
  },
)
