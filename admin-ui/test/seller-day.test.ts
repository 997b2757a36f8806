import { expect } from 'vitest'
import { openaiAt } from '../../gateway/test/support/gateway.ts'
import { type Hand, hands } from './support/hand.ts'
import { apiOf, clearMarket } from './support/market-scene.ts'
import { nanosRead } from './support/money-shown.ts'
import { type Person, raiseStage, story, type Visit } from './support/real-stage.ts'
import { picture, step } from './support/step.ts'
import { raiseVendor, saying, type Vendor } from './support/vendor.ts'

let vendor: Vendor
const stage = raiseStage(async () => {
  vendor = await raiseVendor()
  return { outside: vendor.outside }
})

// The dearest model of the catalogue, so that one answer earns enough for a payout.
const MODEL = 'openai/o1-pro'
// What nine tenths of its list price of $150 and $600 a million come to for 10 and 4,000 tokens, less 5 % fee.
const EARNED_NANOS = ((10n * 135_000n + 4_000n * 540_000n) * 95n) / 100n

story.each(hands)(
  'a seller lists a key, is verified, chosen and paid, and the books balance $name',
  async (hand) => {
    await clearMarket(stage.gateway)
    const seller = await stage.person({ name: 'Cobalt Labs', roles: ['seller'] })
    const visit = await stage.visit({ as: seller })
    const name = `Cobalt ${hands.indexOf(hand) + 1}`
    await listKey(hand, visit, name)
    const requestId = await serve()
    await seeEarnings(hand, visit, requestId)
    await askForPayout(hand, visit)
    const operator = await stage.visit({ as: stage.operator })
    await payOut(hand, operator, seller)
    await followTheMoney(hand, operator)
    await step('See that it was paid', async () => {
      await visit.page.reload()
      await visit.page.getByRole('row', { name: /paid/ }).waitFor()
    })
    await stage.gateway.settleAndAudit()
    const { rows } = await stage.gateway.database.database.pool.query(
      'SELECT * FROM ledger.check_invariants()',
    )
    expect(rows).toEqual([])
  },
)

async function listKey(hand: Hand, { page, go }: Visit, name: string): Promise<void> {
  await go('listings')
  await step('List a key', async () => {
    await hand.press(page.getByRole('button', { name: 'List a key' }).first())
    const dialog = page.getByRole('dialog')
    await hand.choose(dialog.getByRole('combobox', { name: 'Provider' }), 'OpenAI')
    await hand.type(dialog.getByLabel('Name', { exact: true }), name)
    await hand.type(dialog.getByRole('textbox', { name: 'Provider key' }), `sk-cobalt-${name.slice(-1)}`)
    await hand.type(dialog.getByRole('combobox', { name: 'Add a model' }), 'o1-pro')
    await hand.choose(dialog.getByRole('combobox', { name: 'Add a model' }), MODEL)
    await hand.type(dialog.getByRole('textbox', { name: 'Times the list price' }), '0.9')
    await hand.type(dialog.getByLabel('Requests a minute').first(), '60')
    await hand.press(dialog.getByRole('radio', { name: /^Own key/ }))
    await hand.press(dialog.getByRole('checkbox', { name: /^I attest/ }))
    await picture(page, 'list-a-key')
    await hand.press(dialog.getByRole('button', { name: 'List this key' }))
  })
  await step('Watch the verification', async () => {
    await page.getByRole('heading', { name, level: 1 }).waitFor()
    await page.getByRole('main').getByText('active', { exact: true }).first().waitFor()
  })
}

/** A buyer's program asks for the model; answers the request's id. */
async function serve(): Promise<string> {
  vendor.answer = saying('A proof, at last.', { promptTokens: 10, completionTokens: 4_000 })
  const buyer = await stage.person({ name: 'Proof Readers', roles: ['buyer'], usd: 20 })
  const { key } = await (await apiOf(stage.gateway, buyer))('post', '/api/keys', { name: 'prover' })
  const answer = await openaiAt(stage.gateway.origin, String(key)).chat.completions.create({
    model: MODEL,
    messages: [{ role: 'user', content: 'Prove it.' }],
    max_completion_tokens: 5_000,
  })
  await stage.gateway.settleAndAudit()
  // What the gateway does every minute.
  await stage.gateway.context.payments.tidy()
  return answer.id
}

async function seeEarnings(hand: Hand, { page }: Visit, requestId: string): Promise<void> {
  const pages = page.getByRole('navigation', { name: 'Pages' })
  await step('See what a listing has served', async () => {
    await hand.press(pages.getByRole('link', { name: 'Requests' }))
    await hand.press(page.getByRole('radio', { name: 'Sold' }))
    const row = page.getByRole('row', { name: new RegExp(MODEL) })
    await row.waitFor()
    expect(nanosRead(await row.getByRole('cell').last().innerText())).toBe(EARNED_NANOS)
    await hand.press(row.getByRole('link'))
    await page.getByRole('dialog').getByText(requestId, { exact: true }).waitFor()
    await page.keyboard.press('Escape')
  })
  await step('See what it earns', async () => {
    await hand.press(pages.getByRole('link', { name: 'Earnings' }))
    const path = page.getByRole('region', { name: 'The way of your earnings' })
    await path.waitFor()
    expect(nanosRead(await path.getByRole('listitem').filter({ hasText: 'Available' }).innerText())).toBe(
      EARNED_NANOS,
    )
    await picture(page, 'earnings')
  })
}

async function askForPayout(hand: Hand, { page }: Visit): Promise<void> {
  await step('Ask for a payout', async () => {
    await hand.press(page.getByRole('link', { name: 'Go to payouts' }))
    await hand.type(page.getByLabel('Amount in USD'), '1.50')
    await hand.press(page.getByRole('button', { name: 'Ask for this payout' }))
    await page.getByRole('row', { name: /\$1\.50.*requested/ }).waitFor()
  })
}

async function payOut(hand: Hand, { page, go }: Visit, seller: Person): Promise<void> {
  await go('run')
  await step('Approve a payout', async () => {
    await hand.press(
      page.getByRole('navigation', { name: 'Pages' }).getByRole('link', { name: 'Payouts', exact: true }),
    )
    const waiting = page.getByRole('region', { name: 'Waiting for you' })
    await hand.press(waiting.getByRole('button', { name: seller.name }))
    const drawer = page.getByRole('dialog', { name: 'Payout' })
    await picture(page, 'approve-a-payout')
    await hand.press(drawer.getByRole('button', { name: 'Approve' }))
    await drawer.getByText('approved').first().waitFor()
  })
  await step('Book a payout with the reference of the bank', async () => {
    const drawer = page.getByRole('dialog', { name: 'Payout' })
    await hand.type(drawer.getByLabel('Bank reference'), `SEPA-${seller.id}`)
    await hand.press(drawer.getByRole('button', { name: 'Book $1.50 as paid' }))
    await drawer.getByText('paid', { exact: true }).first().waitFor()
  })
}

async function followTheMoney(hand: Hand, { page }: Visit): Promise<void> {
  await step('Follow the money in the ledger', async () => {
    const inLedger = page
      .getByRole('dialog', { name: 'Payout' })
      .getByRole('region', { name: 'In the ledger' })
    await hand.press(inLedger.getByRole('link').last())
    const journal = page.getByRole('dialog', { name: 'Journal' })
    await journal.getByRole('table', { name: 'Entries of this journal' }).waitFor()
    const rows = await journal.getByRole('row').filter({ hasText: '$' }).allInnerTexts()
    // Two sides of the same amount.
    expect(rows.map((row) => nanosRead(row))).toEqual([1_500_000_000n, 1_500_000_000n])
    await page.getByRole('heading', { name: 'Ledger', level: 1 }).waitFor()
    await picture(page, 'ledger-journal')
    await page.keyboard.press('Escape')
    await page.getByText('The books are in order').waitFor()
  })
}
