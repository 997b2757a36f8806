import { existsSync } from 'node:fs'
import { type Browser, chromium } from 'playwright-core'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { startTestGateway, type TestGateway } from './support/gateway.ts'

const executablePath = process.env.CHROMIUM_PATH ?? '/usr/bin/chromium'
const hasBrowser = existsSync(executablePath) || process.env.REQUIRE_BROWSER === '1'
if (!hasBrowser) console.log('the console in a browser is skipped: no Chromium here')

const flags = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]

let gateway: TestGateway
let browser: Browser | undefined

beforeAll(async () => {
  gateway = await startTestGateway()
  if (hasBrowser) browser = await chromium.launch({ executablePath, args: flags })
})
afterAll(async () => {
  await browser?.close()
  await gateway.close()
})

test('the console is served with a policy that lets it load nothing from anywhere else', async () => {
  const page = await fetch(`${gateway.origin}/console/`)
  expect(page.status).toBe(200)
  expect(page.headers.get('content-security-policy')).toMatch(/default-src 'self'.*frame-ancestors 'none'/)
  expect(await page.text()).toContain('<div id="root">')
  expect((await fetch(`${gateway.origin}/console/keys`)).headers.get('content-type')).toMatch(/text\/html/)
  const missing = await fetch(`${gateway.origin}/console/assets/missing.js`)
  expect(missing.status).toBe(404)
})

test.runIf(hasBrowser)(
  'an operator signs in, sees the demo listings, makes a key and calls with it',
  async () => {
    const page = await (browser as Browser).newPage()
    const faults: string[] = []
    page.on('pageerror', (error) => faults.push(String(error)))
    await page.goto(gateway.summary.consoleUrl)
    await page.getByLabel('Email').fill(gateway.summary.email)
    await page.getByRole('textbox', { name: 'Password' }).fill(String(gateway.summary.password))
    await page.getByRole('button', { name: 'Sign in' }).click()
    await page.getByRole('heading', { name: 'Overview' }).waitFor()
    await page.getByRole('link', { name: 'Listings', exact: true }).click()
    await page.getByText('Demo seller A: demo upstream').waitFor()
    await page.getByRole('link', { name: 'Market', exact: true }).click()
    await page.getByText('openai/gpt-4o-mini').first().waitFor()
    await page.getByRole('link', { name: 'Keys', exact: true }).click()
    await page.getByRole('button', { name: 'Create key' }).first().click()
    await page.getByLabel('Name').fill('laptop')
    await page.getByRole('dialog').getByRole('button', { name: 'Create key' }).click()
    const shown = page.getByText(/sk-brs-[A-Za-z0-9]{50}/)
    await shown.waitFor()
    const [key] = /sk-brs-[A-Za-z0-9]{50}/.exec(String(await shown.textContent())) as RegExpExecArray
    const models = await fetch(`${gateway.origin}/v1/models`, { headers: { authorization: `Bearer ${key}` } })
    expect(models.status).toBe(200)
    expect(faults).toEqual([])
  },
)
