import type { BrowserContext, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { type ConsoleStage, chromiumPath, hasChromium, raiseConsole } from './support/console-stage.ts'
import { lowContrast } from './support/low-contrast.ts'
import { emptyState, sampleState } from './support/sample-state.ts'
import { type StandInGateway, startStandInGateway } from './support/stand-in-gateway.ts'

const story = test.runIf(hasChromium)

let gateway: StandInGateway
let stage: ConsoleStage
let browser: BrowserContext | undefined

test.runIf(process.env.REQUIRE_BROWSER === '1')('a browser is there to try the console with', () => {
  expect(hasChromium, `${chromiumPath} is missing; install chromium or set CHROMIUM_PATH`).toBe(true)
})

beforeAll(async () => {
  if (!hasChromium) return
  gateway = await startStandInGateway(sampleState(Date.now()))
  stage = await raiseConsole(gateway.origin)
})

afterEach(async () => {
  await browser?.close()
  browser = undefined
  gateway?.endSessions()
  if (gateway) Object.assign(gateway.state, sampleState(Date.now()))
})

afterAll(async () => {
  await stage?.close()
  await gateway?.close()
})

/** A page with what it did wrong: errors of the console, and calls to any other host. */
async function openPage(
  path = '',
  options?: Parameters<ConsoleStage['openBrowser']>[0],
): Promise<{ page: Page; wrong: string[] }> {
  browser = await stage.openBrowser(options)
  const page = await browser.newPage()
  const wrong: string[] = []
  page.on('pageerror', (error) => wrong.push(error.message))
  page.on('console', (message) => {
    // The browser itself logs each 401 of a call; these are answers, not faults of the page.
    if (message.type() === 'error' && !message.text().includes('status of 4')) wrong.push(message.text())
  })
  page.on('request', (request) => {
    if (!/^(data|blob):/.test(request.url()) && new URL(request.url()).origin !== new URL(stage.url).origin)
      wrong.push(request.url())
  })
  await page.goto(stage.url + path)
  return { page, wrong }
}

async function signIn(page: Page, password = gateway.password): Promise<void> {
  await page.getByLabel('Email').fill(gateway.email)
  await page.getByLabel('Password', { exact: true }).fill(password)
  await page.getByRole('button', { name: 'Sign in' }).click()
}

async function openSignedIn(
  path = '',
  options?: Parameters<ConsoleStage['openBrowser']>[0],
): Promise<{ page: Page; wrong: string[] }> {
  const opened = await openPage(path, options)
  await signIn(opened.page)
  await opened.page.getByRole('navigation', { name: 'Pages' }).waitFor({ state: 'attached' })
  return opened
}

story('a person signs in and sees the exact balance, what is held and the latest charges', async () => {
  const { page, wrong } = await openSignedIn()
  const available = page.getByRole('region', { name: 'Available' })
  await expect.poll(() => plain(available)).toContain('$24.978 633 2')
  expect(await plain(page.getByRole('region', { name: 'Held' }))).toContain('$0.02')
  await expect.poll(() => plain(page.getByRole('table'))).toContain('−$0.000 367 0')
  expect(await plain(page.getByRole('banner'))).toContain('Play money')
  expect(await page.title()).toBe('Overview · Bourse')
  expect(await page.getByText(`${new URL(stage.url).origin}/v1`, { exact: true }).isVisible()).toBe(true)
  expect(wrong).toEqual([])
})

story('a wrong password says so, and the page that was asked for comes after the right one', async () => {
  const { page } = await openPage('keys')
  await signIn(page, 'wrong-password')
  await page.getByText('Email or password is wrong.').waitFor()
  await signIn(page)
  await page.getByRole('heading', { name: 'Keys' }).waitFor()
  expect(page.url()).toBe(`${stage.url}keys`)
})

story('a reload keeps the person signed in without storing a token', async () => {
  const { page } = await openSignedIn('market?q=mini')
  await page.getByText('openai/gpt-4o-mini').waitFor()
  await page.reload()
  await page.getByText('openai/gpt-4o-mini').waitFor()
  expect(await page.getByLabel('Search models').inputValue()).toBe('mini')
  expect(await page.getByText('openai/gpt-4.1').count()).toBe(0)
  const stored = await page.evaluate(
    () => JSON.stringify({ ...localStorage, ...sessionStorage }) + document.cookie,
  )
  expect(stored).not.toContain('token-of')
})

story('a new key is shown once, and a revoked one stays revoked', async () => {
  const { page, wrong } = await openSignedIn('keys')
  await page.getByRole('button', { name: 'Create key' }).click()
  const dialog = page.getByRole('dialog')
  await dialog.getByLabel('Name').fill('browser story')
  await dialog.getByLabel('Budget in USD').fill('12.50')
  await dialog.getByRole('button', { name: 'Create key' }).click()
  const secret = dialog.getByText(/^sk-brs-0123456789ab/)
  await secret.waitFor()
  const shown = await secret.innerText()
  await dialog.getByRole('button', { name: 'I have stored it' }).click()
  await page.getByRole('cell', { name: /^browser story/ }).waitFor()
  expect(await page.content()).not.toContain(shown)
  expect(gateway.received.findLast(({ call }) => call === 'POST /api/keys')?.body).toEqual({
    name: 'browser story',
    budget: { limitNanos: '12500000000', period: 'month' },
  })
  await page.getByRole('button', { name: 'Revoke browser story' }).click()
  await dialog.getByRole('button', { name: 'Revoke key' }).click()
  await dialog.waitFor({ state: 'detached' })
  await expect.poll(() => page.getByRole('row', { name: /browser story/ }).innerText()).toContain('revoked')
  expect(wrong).toEqual([])
})

story('a refusal shows its message and request id, and trying again works', async () => {
  const { page } = await openSignedIn()
  const fault = {
    status: 403,
    code: 'forbidden',
    message: "This needs the role 'operator'.",
    requestId: 'gen-01refused',
  }
  gateway.failNext('GET /api/keys', fault)
  await page.getByRole('link', { name: 'Keys', exact: true }).first().click()
  const alert = page.getByRole('alert')
  await alert.waitFor()
  expect(await alert.innerText()).toContain(fault.message)
  expect(await alert.innerText()).toContain('gen-01refused')
  await alert.getByRole('button', { name: 'Try again' }).click()
  await page.getByRole('cell', { name: /^laptop/ }).waitFor()
})

story(
  'credit whose answer was lost is sent again with the same idempotency key and booked once',
  async () => {
    const { page } = await openSignedIn('users')
    await page.getByRole('button', { name: 'Add credit for Mara Lindqvist' }).click()
    const dialog = page.getByRole('dialog')
    await dialog.getByLabel('Amount in USD').fill('0.000000001')
    await dialog.getByLabel('Reason').fill('Welcome')
    const lost = {
      status: 503,
      code: 'unavailable',
      message: 'The database is away.',
      requestId: 'gen-01lost',
    }
    gateway.failNext('POST /api/users/usr-2/credits', lost)
    await dialog.getByRole('button', { name: 'Add credit' }).click()
    await dialog.getByText('gen-01lost').waitFor()
    await dialog.getByRole('button', { name: 'Add credit' }).click()
    await dialog.waitFor({ state: 'detached' })
    const tries = gateway.received.filter(({ call }) => call === 'POST /api/users/usr-2/credits')
    expect(tries.map(({ body }) => body)).toEqual(Array(2).fill({ amountNanos: '1', reason: 'Welcome' }))
    expect(new Set(tries.map(({ headers }) => headers['idempotency-key'])).size).toBe(1)
    expect(gateway.state.balanceNanos).toBe(24_998_633_201n)
  },
)

story('an operator creates a user whose password is shown once', async () => {
  const { page } = await openSignedIn('users')
  await page.getByRole('button', { name: 'Create user' }).click()
  const dialog = page.getByRole('dialog')
  await dialog.getByLabel('Name').fill('Ada Example')
  await dialog.getByLabel('Email').fill('ada@example.com')
  await dialog.getByRole('button', { name: 'Create user' }).click()
  await dialog.getByText('made-by-the-gateway').waitFor()
  await dialog.getByRole('button', { name: 'I have stored it' }).click()
  await page.getByRole('cell', { name: /^Ada Example/ }).waitFor()
  expect(await page.content()).not.toContain('made-by-the-gateway')
})

story('an operator creates a listing, pauses it and deletes it', async () => {
  const { page, wrong } = await openSignedIn('listings')
  await page.getByRole('button', { name: 'Create listing' }).click()
  const dialog = page.getByRole('dialog')
  await dialog.getByRole('combobox', { name: 'Provider' }).fill('openai')
  await dialog.getByLabel('Name').fill('cobalt')
  await dialog.getByLabel('Provider key').fill('sk-upstream')
  await dialog.getByRole('combobox', { name: 'Models' }).fill('openai/gpt-4o')
  await dialog.getByRole('combobox', { name: 'Models' }).press('Enter')
  await dialog.getByLabel('Price').fill('0.95')
  await dialog.getByLabel('Requests a minute').fill('60')
  await dialog.getByRole('checkbox').check()
  await dialog.getByRole('button', { name: 'Create listing' }).click()
  await dialog.waitFor({ state: 'detached' })
  const row = page.getByRole('row', { name: /cobalt/ })
  await row.getByText('verifying').waitFor()
  await row.getByText('active').waitFor()
  expect(gateway.received.findLast(({ call }) => call === 'POST /api/marketplace/listings')?.body).toEqual({
    provider: 'openai',
    name: 'cobalt',
    key: 'sk-upstream',
    models: [{ model: 'openai/gpt-4o', price: { kind: 'multiplier', ppm: 950_000 } }],
    capacity: { requestsPerMinute: 60 },
    ground: 'own_organisation',
  })
  await row.getByRole('button', { name: 'Pause cobalt' }).click()
  await row.getByText('paused').waitFor()
  await row.getByRole('button', { name: 'Delete cobalt' }).click()
  await dialog.getByRole('button', { name: 'Delete listing' }).click()
  await row.waitFor({ state: 'detached' })
  expect(wrong).toEqual([])
})

story(
  'a session that an operator ended leads back to the sign-in page, and so does signing out',
  async () => {
    const { page } = await openSignedIn()
    await page.getByRole('heading', { name: 'Overview' }).waitFor()
    gateway.endSessions()
    await page.getByRole('link', { name: 'Keys', exact: true }).first().click()
    await page.getByRole('heading', { name: 'Sign in' }).waitFor()
    await signIn(page)
    await page.getByRole('button', { name: /^Signed in as/ }).click()
    await page.getByRole('menuitem', { name: 'Sign out' }).click()
    await page.getByRole('heading', { name: 'Sign in' }).waitFor()
  },
)

const pages = ['', 'keys', 'market', 'users', 'listings'] as const

story.each(['light', 'dark'] as const)('every page has AA contrast in the %s theme', async (colorScheme) => {
  const { page } = await openSignedIn('', { colorScheme })
  for (const path of pages) {
    await page.goto(stage.url + path)
    await page.getByRole('table').or(page.getByText('openai/gpt-4.1')).first().waitFor()
    expect(await page.evaluate(lowContrast), path).toEqual([])
  }
  // The check itself must be able to fail.
  await page.evaluate(() =>
    document.body.insertAdjacentHTML('beforeend', '<p style="color:#999;background:#888">faint</p>'),
  )
  expect(await page.evaluate(lowContrast)).toHaveLength(1)
})

story('empty lists say what to do next', async () => {
  Object.assign(gateway.state, emptyState())
  const { page } = await openSignedIn()
  const next = ['Nothing booked yet', 'No key yet', 'No model is on offer', 'No user yet', 'No listing yet']
  for (const [index, path] of pages.entries()) {
    await page.goto(stage.url + path)
    await page.getByText(next[index] ?? '').waitFor()
  }
  await page.goto(stage.url)
  await page.getByText('Nothing to spend yet.').waitFor()
})

story('at 360 px nothing is cut off and no page scrolls sideways', async () => {
  const { page } = await openSignedIn('', { width: 360 })
  for (const path of pages) {
    await page.goto(stage.url + path)
    await page.getByRole('table').or(page.getByText('openai/gpt-4.1')).first().waitFor()
    const wide = await page.evaluate(() =>
      [document.documentElement, ...document.querySelectorAll('.mantine-Card-root')]
        .filter((box) => box.scrollWidth > box.clientWidth)
        .map((box) => `${box.tagName} is ${box.scrollWidth} wide in ${box.clientWidth}`),
    )
    expect(wide, path).toEqual([])
  }
})

story('the keyboard reaches the page without passing the whole menu', async () => {
  const { page } = await openSignedIn('keys')
  await page.getByRole('cell', { name: /^laptop/ }).waitFor()
  await page.evaluate(() => (document.activeElement as HTMLElement | null)?.blur())
  await page.keyboard.press('Tab')
  await page.keyboard.press('Enter')
  await page.keyboard.press('Tab')
  expect(await page.evaluate(() => document.activeElement?.textContent)).toBe('Create key')
})

/** Text as a reader sees it, thin spaces as plain ones. */
async function plain(locator: { first(): { innerText(): Promise<string> } }): Promise<string> {
  return (await locator.first().innerText()).replaceAll('\u202f', ' ')
}
