/** The shell around every page, and a buyer's front rooms: overview, get started, keys, playground. */
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import type { Page } from 'playwright-core'
import { expect } from 'vitest'
import { apiOf } from './support/market-scene.ts'
import { type Person, raiseStage, story } from './support/real-stage.ts'
import { settled } from './support/routes.ts'

const stage = raiseStage()

const buyer = (): Promise<Person> => stage.person({ name: 'Ada Buyer', roles: ['buyer'], usd: 5 })

interface Key {
  id: string
  name: string
  key: string
  revokedAt: string | null
}

const shownTheme = (page: Page): Promise<string | undefined> =>
  page.evaluate(() => document.documentElement.dataset.theme)

const focused = (page: Page): Promise<string> =>
  page.evaluate(() => document.activeElement?.textContent?.trim() ?? '')

story('the system decides on the theme until a person does, and their choice outlives the page', async () => {
  const { page, go } = await stage.visit({ as: await buyer(), colorScheme: 'dark' })
  await go('')
  expect(await shownTheme(page)).toBe('dark')
  await page.getByRole('button', { name: /^Theme/ }).click()
  await page.getByRole('menuitemradio', { name: 'Matrix' }).click()
  expect(await shownTheme(page)).toBe('matrix')
  // Before any of the console's own code has run.
  await page.route('**/assets/*.js', (route) => route.abort())
  await page.reload({ waitUntil: 'domcontentloaded' })
  expect(await shownTheme(page)).toBe('matrix')
  expect(await page.evaluate(() => getComputedStyle(document.body).backgroundColor)).toBe('rgb(5, 8, 5)')
  await page.unroute('**/assets/*.js')
  await page.reload()
  await page.getByRole('heading', { level: 1 }).waitFor()
  expect(await page.evaluate(() => Object.keys(localStorage))).toEqual(['bourse-theme'])
  await page.getByRole('button', { name: /^Theme/ }).click()
  await page.getByRole('menuitemradio', { name: 'As the system' }).click()
  expect(await shownTheme(page)).toBe('dark')
  stage.forgive(/ERR_FAILED|Failed to load|assets/)
})

story('the palette finds pages, keys and models, and opens a request by its id', async () => {
  const person = await buyer()
  const api = await apiOf(stage.gateway, person)
  const key = await api<Key>('post', '/api/keys', { name: 'laptop' })
  const { page, go } = await stage.visit({ as: person })
  await go('')
  const search = page.getByRole('combobox', { name: 'Search the console' })
  for (const [typed, option, path] of [
    ['bill', 'Billing', '/console/billing'],
    ['laptop', /laptop/, `/console/keys?open=${key.id}`],
    ['4o-mini', /openai\/gpt-4o-mini/, '/console/market?model=openai%2Fgpt-4o-mini'],
    ['gen-01m8255a7aed88rc8fmb0dre8t', /Open request/, '/console/requests/gen-01m8255a7aed88rc8fmb0dre8t'],
  ] as const) {
    await page.keyboard.press('Escape')
    await expect.poll(() => page.getByRole('dialog').count()).toBe(0)
    await page.locator('#main').focus()
    await page.keyboard.press('Control+k')
    await search.fill(typed)
    await page.getByRole('option', { name: option }).first().waitFor()
    await page.keyboard.press('Enter')
    await expect.poll(() => page.url().replace(stage.gateway.origin, '')).toBe(path)
    // What opens by itself is there before it is closed again.
    if (path.includes('open=')) await page.getByRole('dialog', { name: 'laptop' }).waitFor()
  }
  // The request was made up: its page says so.
  await page.getByRole('alert').first().waitFor()
  stage.forgive(/status of 404/)
})

story('a buyer sees no page of sellers or operators, neither in the menu nor in the palette', async () => {
  const { page, go } = await stage.visit({ as: await buyer() })
  await go('run/users')
  await expect.poll(() => new URL(page.url()).pathname).toBe('/console/')
  await page.getByRole('heading', { name: 'Overview' }).waitFor()
  const menu = page.getByRole('navigation', { name: 'Pages' })
  expect(await menu.getByRole('link').allInnerTexts()).not.toContain('Ledger')
  await page.keyboard.press('Control+k')
  await page.getByRole('combobox', { name: 'Search the console' }).fill('ledger')
  await page.getByText('Nothing by that name.').waitFor()
})

story('one-letter shortcuts walk through a list, help, and rest while a person types', async () => {
  const person = await buyer()
  const api = await apiOf(stage.gateway, person)
  for (const name of ['first', 'second']) await api('post', '/api/keys', { name })
  const { page, go } = await stage.visit({ as: person })
  await go('keys')
  await page.getByRole('cell', { name: /^second/ }).waitFor()
  await page.keyboard.press('j')
  expect(await focused(page)).toContain('second')
  await page.keyboard.press('j')
  expect(await focused(page)).toContain('first')
  await page.keyboard.press('k')
  await page.keyboard.press('Enter')
  const drawer = page.getByRole('dialog', { name: 'second' })
  await drawer.getByText('only your balance').waitFor()
  expect(new URL(page.url()).searchParams.get('open')).toMatch(/^key-/)
  await page.keyboard.press('Escape')
  await drawer.waitFor({ state: 'detached' })
  await expect.poll(() => focused(page)).toContain('second')

  await page.keyboard.press('?')
  await page.getByRole('dialog', { name: 'Keyboard shortcuts' }).getByText('Next row of a list').waitFor()
  await page.keyboard.press('Escape')
  await page.getByRole('button', { name: 'Create key' }).click()
  const name = page.getByRole('dialog').getByLabel('Name')
  await name.pressSequentially('jk?/')
  expect(await name.inputValue()).toBe('jk?/')
  expect(await page.getByRole('dialog').count()).toBe(1)
})

story('a key is created with every limit, edited field by field, rotated and revoked', async () => {
  const person = await buyer()
  const api = await apiOf(stage.gateway, person)
  const { page, go } = await stage.visit({ as: person })
  await go('keys?new=key')
  const dialog = page.getByRole('dialog')
  await dialog.getByLabel('Name').fill('nightly')
  await dialog.getByLabel('Budget in USD').fill('12.50')
  await dialog.getByLabel('Expires').selectOption({ label: 'In 7 days' })
  await dialog.getByRole('button', { name: 'Limits and rights' }).click()
  await dialog.getByLabel('Requests a minute').fill('60')
  await dialog.getByLabel('Tokens a minute').fill('90000')
  await dialog.getByLabel('Longest answer in tokens').fill('500')
  await dialog.getByLabel('Read', { exact: true }).uncheck()
  await dialog.getByRole('button', { name: 'Who answers, and at which price' }).click()
  await dialog.getByLabel('Cheapest').check()
  await dialog.getByLabel('Try others when the first choice fails').uncheck()
  await dialog.getByLabel('Highest input price').fill('3')
  await dialog.getByRole('button', { name: 'Create key' }).click()
  const secret = await dialog.getByText(/^sk-brs-/).innerText()
  await dialog.getByRole('button', { name: 'I have stored it' }).click()
  await page.getByRole('cell', { name: /^nightly/ }).click()
  expect(await page.content()).not.toContain(secret)

  const [made] = (await api<{ data: Key[] }>('get', '/api/keys')).data
  expect(made).toMatchObject({
    name: 'nightly',
    scopes: ['inference'],
    requestsPerMinute: 60,
    tokensPerMinute: 90_000,
    defaultMaxOutputTokens: 500,
    budget: { limitNanos: '12500000000', period: 'month' },
    policy: { sort: 'price', allowFallbacks: false, maxPrice: { prompt: '3' } },
  })

  const drawer = page.getByRole('dialog', { name: 'nightly' })
  await drawer.getByText('Input costs at most $3 per million tokens.').waitFor()
  await drawer.getByRole('button', { name: 'Edit' }).click()
  const edit = page.getByRole('dialog', { name: 'Edit “nightly”' })
  await edit.getByLabel('Budget in USD').fill('')
  await edit.getByRole('button', { name: 'Save' }).click()
  await edit.waitFor({ state: 'detached' })
  await drawer.getByText('only your balance').waitFor()
  expect((await api<{ data: Key[] }>('get', '/api/keys')).data[0]).toMatchObject({
    budget: null,
    policy: { sort: 'price' },
  })

  await drawer.getByRole('button', { name: 'Rotate' }).click()
  await page.getByRole('button', { name: 'Rotate key' }).click()
  const rotated = page.getByRole('dialog', { name: 'Its new secret' })
  expect(await rotated.getByText(/^sk-brs-/).innerText()).not.toBe(secret)
  await rotated.getByRole('button', { name: 'I have stored it' }).click()
  await drawer.getByText('Old secret ends').waitFor()

  await drawer.getByRole('button', { name: 'Revoke' }).click()
  await page.getByRole('button', { name: 'Revoke key' }).click()
  await drawer.getByText('revoked', { exact: true }).waitFor()
  expect((await api<{ data: Key[] }>('get', '/api/keys')).data[0]?.revokedAt).not.toBeNull()
})

story('the snippet of get started is copied, run as it is, and its request arrives on the page', async () => {
  const { page, go } = await stage.visit({ as: await buyer() })
  await go('start')
  await page.getByText('Waiting for your first request').waitFor()
  await page.getByRole('button', { name: 'Create a key' }).click()
  await page.getByText('Shown only now').waitFor()
  const snippet = await page.getByRole('region', { name: 'curl snippet' }).innerText()
  const { stdout } = await promisify(execFile)('sh', ['-c', snippet])
  const answer = JSON.parse(stdout) as { id: string; choices: { message: { content: string } }[] }
  expect(answer.choices[0]?.message.content).not.toBe('')
  await page.getByText(/^It arrived/).waitFor()
  await page.getByRole('link', { name: 'Open the request' }).click()
  await expect.poll(() => new URL(page.url()).pathname).toBe(`/console/requests/${answer.id}`)
})

story(
  'the playground streams an answer as plain text, says what it cost, and keeps its key nowhere',
  async () => {
    const person = await buyer()
    const { page, go } = await stage.visit({ as: person })
    await go('playground')
    await page.getByRole('button', { name: 'Create the key' }).click()
    await page.getByText(/^Temporary key, ends/).waitFor()
    const question = 'Say <b>hello</b> <img src=x onerror=alert(1)>'
    await page.getByLabel('Your message').fill(question)
    await page.keyboard.press('Enter')
    const conversation = page.getByRole('region', { name: 'Conversation' })
    await conversation.getByText(question, { exact: true }).waitFor()
    const link = conversation.getByRole('link', { name: 'Open the request' })
    await link.waitFor()
    expect(await conversation.locator('b, img').count()).toBe(0)
    expect(await conversation.innerText()).toMatch(/\d+ in \/ \d+ out/)
    expect(await conversation.innerText()).toContain('$0.000')
    const kept = await page.evaluate(() => JSON.stringify({ ...localStorage, ...sessionStorage }))
    expect(kept).not.toContain('sk-brs')
    const api = await apiOf(stage.gateway, person)
    expect((await api<{ data: Key[] }>('get', '/api/keys')).data[0]).toMatchObject({
      name: 'playground',
      budget: { limitNanos: '1000000000', period: 'total' },
    })
  },
)

story('a playground with a key that is not known says why, with the request id', async () => {
  const { page, go } = await stage.visit({ as: await buyer() })
  await go('playground')
  await page.getByText('Paste a key').click()
  await page.getByLabel('API key').fill('sk-brs-not-a-key')
  await page.getByRole('button', { name: 'Use this key' }).click()
  await page.getByLabel('Your message').fill('Hello?')
  await page.keyboard.press('Enter')
  const alert = page.getByRole('alert').filter({ hasText: 'Request id' })
  await alert.waitFor()
  expect(await alert.innerText()).toMatch(/gen-[0-9a-z]{26}/)
  stage.forgive(/status of 401/)
})

story('the overview leads a newcomer on, then shows what was spent and on what', async () => {
  const person = await buyer()
  const api = await apiOf(stage.gateway, person)
  const { page, go } = await stage.visit({ as: person })
  await go('')
  await page.getByText('Create your first key').waitFor()
  expect(await page.getByRole('region', { name: 'Available' }).innerText()).toContain('$5.00')

  const { key } = await api<Key>('post', '/api/keys', {
    name: 'nearly done',
    budget: { limitNanos: '1000000', period: 'day' },
  })
  const answer = await fetch(`${stage.gateway.origin}/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
    body: JSON.stringify({
      model: 'openai/gpt-4o-mini',
      max_tokens: 50,
      messages: [{ role: 'user', content: 'Hello' }],
    }),
  })
  expect(answer.status).toBe(200)
  await stage.gateway.settleAndAudit()
  await page.reload()
  await settled(page)
  const latest = page.getByRole('table', { name: 'Latest requests' })
  await latest.getByText('openai/gpt-4o-mini').waitFor()
  expect(await latest.innerText()).toContain('answered')
  expect(await page.getByText('Create your first key').count()).toBe(0)
  await latest.getByRole('link').first().click()
  await expect.poll(() => page.url()).toContain('/console/requests/gen-')
})

story('a person signs in to the page they asked for, stays signed in, and signs out', async () => {
  const person = await buyer()
  const { page, go } = await stage.visit()
  await go('keys')
  await page.getByRole('heading', { name: 'Sign in' }).waitFor()
  const signIn = async (password: string): Promise<void> => {
    await page.getByLabel('Email').fill(person.email)
    await page.getByLabel('Password', { exact: true }).fill(password)
    await page.getByRole('button', { name: 'Sign in', exact: true }).click()
  }
  await signIn('not their password')
  await page.getByRole('alert').waitFor()
  await signIn(person.password)
  await page.getByRole('heading', { name: 'Keys' }).waitFor()
  await page.reload()
  await page.getByRole('heading', { name: 'Keys' }).waitFor()
  // A token would begin like this; the session's cookie is not for scripts.
  const kept = await page.evaluate(
    () => JSON.stringify({ ...localStorage, ...sessionStorage }) + document.cookie,
  )
  expect(kept).not.toContain('eyJ')
  expect(kept).not.toContain('session')
  await page.getByRole('button', { name: /^Signed in as/ }).click()
  await page.getByRole('menuitem', { name: 'Sign out' }).click()
  await page.getByRole('heading', { name: 'Sign in' }).waitFor()
  await go('keys')
  await page.getByRole('heading', { name: 'Sign in' }).waitFor()
  stage.forgive(/status of 401/)
})

story('on a phone the menu is out of the way until it is opened, and the keyboard follows it', async () => {
  const { page, go } = await stage.visit({ as: await buyer(), width: 360 })
  await go('keys')
  const menu = page.getByRole('navigation', { name: 'Pages' })
  expect(await menu.isVisible()).toBe(false)
  const burger = page.getByRole('button', { name: 'Open the menu' })
  await burger.click()
  await menu.waitFor()
  await page.keyboard.press('Escape')
  await menu.waitFor({ state: 'hidden' })
  expect(await burger.evaluate((element) => element === document.activeElement)).toBe(true)
  await page.keyboard.press('Enter')
  await menu.getByRole('link', { name: 'Billing' }).click()
  await page.getByRole('heading', { level: 1, name: 'Billing' }).waitFor()
  expect(await menu.isVisible()).toBe(false)
})
