import { readFileSync } from 'node:fs'
import { expect } from 'vitest'
import { type Hand, hands } from './support/hand.ts'
import { apiOf, chat, clearMarket, listKey } from './support/market-scene.ts'
import { nanosRead } from './support/money-shown.ts'
import { type Person, raiseStage, story, type Visit } from './support/real-stage.ts'
import { picture, step } from './support/step.ts'
import { raiseVendor, type Vendor } from './support/vendor.ts'

let vendor: Vendor
const stage = raiseStage(async () => {
  vendor = await raiseVendor()
  return { outside: vendor.outside }
})
let yesterday: Promise<{ buyers: Person[]; keys: string[] }> | undefined

/** Two buyers who have called before the operator comes. */
function hadCustomers() {
  yesterday ??= (async () => {
    const { gateway } = stage
    await clearMarket(gateway)
    const seller = await stage.person({ name: 'Bay Compute', roles: ['seller'] })
    await listKey(gateway, await apiOf(gateway, seller), { name: 'Bay one', key: 'sk-vendor-bay' })
    const buyers = []
    const keys = []
    for (const [name, requests] of [
      ['Greta Holm', 3],
      ['Ivan Petrov', 1],
    ] as const) {
      const buyer = await stage.person({ name, roles: ['buyer'], usd: 10 })
      const { key = '' } = await (await apiOf(gateway, buyer))('post', '/api/keys', { name: 'laptop' })
      for (let request = 0; request < requests; request += 1) await chat(gateway.origin, key)
      buyers.push(buyer)
      keys.push(key)
    }
    await gateway.settleAndAudit()
    return { buyers, keys }
  })()
  return yesterday
}

story.each(hands)(
  'an operator looks at the market, its people, what it cost and who did what $name',
  async (hand) => {
    const { buyers } = await hadCustomers()
    const visit = await stage.visit({ as: stage.operator })
    await lookAtMarket(hand, visit)
    await findPerson(hand, visit, buyers[0] as Person)
    await readCosts(hand, visit, buyers)
    await readTheRest(hand, visit, buyers[0] as Person)
  },
)

const to = (hand: Hand, { page }: Visit, name: string) =>
  hand.press(page.getByRole('navigation', { name: 'Pages' }).getByRole('link', { name, exact: true }))

async function lookAtMarket(hand: Hand, visit: Visit): Promise<void> {
  const { page, go } = visit
  await go('')
  await step('Look at the market in the morning', async () => {
    await to(hand, visit, 'Operations')
    await page.getByRole('region', { name: 'What waits' }).waitFor()
    await picture(page, 'operations')
  })
}

async function findPerson(hand: Hand, visit: Visit, { name, email }: Person): Promise<void> {
  const { page } = visit
  await step('Find a person', async () => {
    await to(hand, visit, 'Users')
    await hand.type(page.getByLabel('Search users by name or address'), name.slice(0, 6))
    await expect.poll(() => page.getByRole('table', { name: 'Users' }).getByRole('row').count()).toBe(2)
    await hand.press(page.getByRole('link', { name: new RegExp(name) }))
    const drawer = page.getByRole('dialog', { name: 'User' })
    await drawer.getByText(email).waitFor()
    await page.keyboard.press('Escape')
    await drawer.waitFor({ state: 'detached' })
  })
}

async function readCosts(hand: Hand, visit: Visit, buyers: readonly Person[]): Promise<void> {
  const { page } = visit
  const { pool } = stage.gateway.database.database
  await step('See who used what', async () => {
    await to(hand, visit, 'Cost and usage')
    const table = page.getByRole('table', { name: 'Usage by user' })
    for (const { email } of buyers) await table.getByRole('row', { name: new RegExp(email) }).waitFor()
    await picture(page, 'cost-and-usage')
    const [download] = await Promise.all([
      page.waitForEvent('download'),
      hand.press(page.getByRole('button', { name: 'Download CSV' })),
    ])
    const rows = readCsv(readFileSync(await download.path(), 'utf8'))
    const { rows: booked } = await pool.query(
      `SELECT sum(e.amount)::text AS sum FROM ledger.entry e
       JOIN ledger.account a ON a.id = e.account_id JOIN ledger.journal j ON j.id = e.journal_id
       WHERE j.code = 'request_settled' AND a.code IN ('buyer_cash', 'buyer_promo')`,
    )
    const inFile = rows.reduce((sum, row) => sum + BigInt(row.cost_nanos ?? ''), 0n)
    expect(inFile).toBe(BigInt(booked[0].sum))
    expect(inFile).toBeGreaterThan(0n)
    const email = buyers[0]?.email ?? ''
    const row = table.getByRole('row', { name: new RegExp(email) })
    const shown = nanosRead(await row.locator('[data-label="Cost"]').innerText())
    expect(shown).toBe(BigInt(rows.find(({ name }) => name === email)?.cost_nanos ?? ''))
  })
}

/** Without quoted commas, which these stories do not write. */
function readCsv(text: string): Record<string, string>[] {
  const [head = '', ...lines] = text
    .replace(/^\uFEFF/, '')
    .trim()
    .split(/\r?\n/)
  const names = head.split(',').map(plain)
  return lines.map((line) => Object.fromEntries(line.split(',').map((cell, at) => [names[at], plain(cell)])))
}

const plain = (cell: string): string => cell.replace(/^"(.*)"$/, '$1')

async function readTheRest(hand: Hand, visit: Visit, buyer: Person): Promise<void> {
  const { page } = visit
  await step('Read the audit log', async () => {
    await to(hand, visit, 'Audit log')
    await hand.type(page.getByLabel('On what'), buyer.id)
    await page.keyboard.press('Enter')
    await page
      .getByRole('row', { name: /user\.created/ })
      .first()
      .waitFor()
    await hand.press(
      page
        .getByRole('row', { name: /user\.created/ })
        .getByRole('link')
        .first(),
    )
    await page.getByRole('dialog').getByText(buyer.id).first().waitFor()
    await page.keyboard.press('Escape')
  })
  await step('See what runs here', async () => {
    await to(hand, visit, 'System')
    await page.getByRole('region', { name: 'This process' }).waitFor()
    // It says that secrets are set, and never which.
    const { secrets } = stage.gateway.context
    expect(await page.content()).not.toContain(secrets.sessionSecret.toString('hex'))
  })
}

story.each(hands)('a buyer is written to when a month has cost more than was set $name', async (hand) => {
  const { keys, buyers } = await hadCustomers()
  const at = hands.indexOf(hand)
  const buyer = buyers[at] as Person
  const visit = await stage.visit({ as: buyer })
  const { page, go } = visit
  await go('usage')
  await step('Set a spending alert', async () => {
    await hand.press(page.getByRole('button', { name: 'New alert' }))
    const dialog = page.getByRole('dialog')
    await hand.press(dialog.getByRole('radio', { name: 'Week' }))
    await hand.type(dialog.getByLabel('Tell me when this week has cost'), '0.000001')
    await hand.press(dialog.getByRole('button', { name: 'Create alert' }))
    await page.getByRole('row', { name: /I have spent \$0\.000 001/ }).waitFor()
  })
  await chat(stage.gateway.origin, keys[at] ?? '')
  await expect
    .poll(async () => (await stage.gateway.api('get', `/api/outbox?to=${buyer.email}`)).body.data, {
      timeout: 20_000,
    })
    .toContainEqual(expect.objectContaining({ subject: expect.stringContaining('spent') }))
})
