import type { Page, Route } from 'playwright-core'
import { expect } from 'vitest'
import { raiseStage, story } from './support/real-stage.ts'

const stage = raiseStage()

/** The gateway does what it was asked, and its answer is lost on the way; the next one comes through. */
async function loseAnswer(page: Page, path: string, method: string): Promise<{ keys: string[] }> {
  const keys: string[] = []
  await page.route(`**${path}`, async (route: Route) => {
    if (route.request().method() !== method) return route.fallback()
    keys.push(route.request().headers()['idempotency-key'] ?? '')
    if (keys.length > 1) return route.fallback()
    await route.fetch()
    await route.abort('connectionreset')
  })
  return { keys }
}

story(
  'credit whose answer was lost is sent again with the same idempotency key and booked once',
  async () => {
    const buyer = await stage.person({ name: 'Mara Lindqvist', roles: ['buyer'] })
    const { page, go } = await stage.visit({ as: stage.operator })
    await go(`run/users?open=${buyer.id}`)
    const { keys } = await loseAnswer(page, `/api/users/${buyer.id}/credits`, 'POST')
    await page.getByRole('dialog').getByRole('button', { name: 'Add play credit' }).click()
    const dialog = page.getByRole('dialog').filter({ has: page.getByLabel('Amount in USD') })
    await dialog.getByLabel('Amount in USD').fill('0.000000001')
    await dialog.getByLabel('Reason').fill('Welcome')
    await dialog.getByRole('button', { name: 'Add credit' }).click()
    await dialog
      .getByRole('alert')
      .getByText(/cannot be reached/)
      .waitFor()
    await dialog.getByRole('button', { name: 'Add credit' }).click()
    await dialog.waitFor({ state: 'detached' })
    expect(keys).toHaveLength(2)
    expect(new Set(keys).size).toBe(1)
    const { body } = await stage.gateway.api('get', `/api/users/${buyer.id}`)
    expect(body.balance.balanceNanos).toBe('1')
    stage.forgive(/ERR_CONNECTION_RESET/)
  },
)

story('a refusal shows its message and its request id, and trying again works', async () => {
  const buyer = await stage.person({ name: 'Tom Okoro', roles: ['buyer'] })
  await stage.gateway.api('post', `/api/keys?organisation=${buyer.organisationId}`).send({ name: 'laptop' })
  const { page, go } = await stage.visit({ as: buyer })
  await page.route('**/api/keys*', (route) =>
    route.fulfill({
      status: 503,
      headers: { 'x-request-id': 'gen-01refused' },
      json: {
        error: { message: 'The database is away.', code: 'unavailable', type: 'api_error', retryable: true },
      },
    }),
  )
  await go('keys')
  const alert = page.getByRole('alert')
  await alert.getByText('The database is away.').waitFor()
  await alert.getByText('gen-01refused').waitFor()
  await page.unroute('**/api/keys*')
  await alert.getByRole('button', { name: 'Try again' }).click()
  await page.getByRole('table').getByText('laptop').first().waitFor()
  stage.forgive(/status of 503/)
})

story(
  'a session that was ended elsewhere leads back to the sign-in page, and from there to where one was',
  async () => {
    const buyer = await stage.person({ name: 'Eve Marsh', roles: ['buyer'] })
    const { page, go } = await stage.visit({ as: buyer })
    await go('billing')
    // All that an operator can do about a stolen session: a new password ends them all.
    await stage.gateway
      .api('patch', `/api/users/${buyer.id}`)
      .send({ password: 'another fine password' })
      .expect(200)
    await page
      .getByRole('navigation', { name: 'Pages' })
      .getByRole('link', { name: 'Keys', exact: true })
      .click()
    await page.getByRole('heading', { name: 'Sign in' }).waitFor()
    await page.getByLabel('Email').fill(buyer.email)
    await page.getByRole('textbox', { name: 'Password' }).fill('another fine password')
    await page.getByRole('button', { name: 'Sign in', exact: true }).click()
    await page.getByRole('heading', { name: 'Keys', level: 1 }).waitFor()
    stage.forgive(/status of 401/)
  },
)

story('a page that does not exist says so and leads back', async () => {
  const buyer = await stage.person({ name: 'Ann Kay', roles: ['buyer'] })
  const { page, go } = await stage.visit({ as: buyer })
  await go('no/such/page')
  await page
    .getByRole('link', { name: /overview/i })
    .last()
    .click()
  await page.getByRole('heading', { name: 'Overview', level: 1 }).waitFor()
})

story('who may not sell or run is not shown the way, and does not get there by address', async () => {
  const buyer = await stage.person({ name: 'Jo Field', roles: ['buyer'] })
  const { page, go } = await stage.visit({ as: buyer })
  for (const path of ['run', 'run/users', 'run/ledger', 'listings', 'payouts']) {
    await go(path)
    expect(await page.getByRole('heading', { level: 1 }).first().innerText(), path).toBe('Overview')
    expect(await page.getByRole('link', { name: /^(Operations|Ledger|My listings)$/ }).count()).toBe(0)
  }
})

story('the keyboard reaches the page without passing the whole menu', async () => {
  const buyer = await stage.person({ name: 'Kim Abe', roles: ['buyer'] })
  const { page, go } = await stage.visit({ as: buyer })
  await go('keys')
  await page.evaluate(() => (document.activeElement as HTMLElement | null)?.blur())
  await page.keyboard.press('Tab')
  await page.keyboard.press('Enter')
  await page.keyboard.press('Tab')
  expect(await page.evaluate(() => document.activeElement?.closest('main') !== null)).toBe(true)
})
