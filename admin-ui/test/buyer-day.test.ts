import { expect } from 'vitest'
import { openaiAt } from '../../gateway/test/support/gateway.ts'
import { type Hand, hands } from './support/hand.ts'
import { apiOf, clearMarket, listKey } from './support/market-scene.ts'
import { nanosRead } from './support/money-shown.ts'
import { PASSWORD, raiseStage, story, type Visit } from './support/real-stage.ts'
import { picture, step } from './support/step.ts'
import { raiseVendor, type Vendor } from './support/vendor.ts'

let vendor: Vendor
const stage = raiseStage(async () => {
  vendor = await raiseVendor()
  return { outside: vendor.outside }
})
let opened: Promise<void> | undefined

/** Two sellers of one model at different prices. */
function openMarket(): Promise<void> {
  opened ??= (async () => {
    await clearMarket(stage.gateway)
    const seller = await stage.person({ name: 'Bay Compute', roles: ['seller'] })
    const api = await apiOf(stage.gateway, seller)
    await listKey(stage.gateway, api, { name: 'Bay one', key: 'sk-vendor-bay-1', ppm: 400_000 })
    await listKey(stage.gateway, api, { name: 'Bay two', key: 'sk-vendor-bay-2', ppm: 900_000 })
  })()
  return opened
}

story.each(hands)(
  'a buyer is invited, gets in, makes a key, calls, and sees what it cost and why $name',
  async (hand) => {
    await openMarket()
    const email = `mila-${hands.indexOf(hand)}@example.test`
    const link = await invite(hand, email)
    const buyer = await stage.visit()
    await getIn(hand, buyer, link)
    const key = await makeKey(hand, buyer)
    const { requestId, text } = await callAndWatch(hand, buyer, key)
    expect(text).toBe('Good morning. It is sunny.')
    await seeWhy(hand, buyer, requestId)
    await stage.gateway.settleAndAudit()
  },
)

/** The operator's part; answers the link that the outbox shows. */
async function invite(hand: Hand, email: string): Promise<string> {
  const { page, go } = await stage.visit({ as: stage.operator })
  await go('run/users')
  await step('Invite a buyer', async () => {
    await hand.press(page.getByRole('button', { name: 'Create user' }))
    const dialog = page.getByRole('dialog')
    await hand.type(dialog.getByLabel('Name'), 'Mila Novak')
    await hand.type(dialog.getByLabel('Email'), email)
    await picture(page, 'invite-a-buyer')
    await hand.press(dialog.getByRole('button', { name: 'Invite user' }))
    await hand.press(dialog.getByRole('button', { name: 'I have stored it' }))
    await page
      .getByRole('row', { name: new RegExp(email) })
      .getByText('invited')
      .waitFor()
  })
  return step('Read the outbox', async () => {
    await hand.press(page.getByRole('link', { name: 'Outbox' }))
    await hand.press(page.getByRole('link', { name: new RegExp(`Your invitation.*${email}`) }))
    const mail = page.getByRole('region', { name: 'Text of the mail' })
    await mail.waitFor()
    return /https?:\/\/\S+/.exec(await mail.innerText())?.[0] ?? ''
  })
}

async function getIn(hand: Hand, { page }: Visit, link: string): Promise<void> {
  await step('Open the invitation and choose a password', async () => {
    await page.goto(link)
    await page.getByRole('heading', { name: 'Welcome, Mila Novak' }).waitFor()
    await hand.type(page.getByRole('textbox', { name: 'New password' }), PASSWORD)
    await hand.press(page.getByRole('button', { name: 'Join' }))
    await page.getByRole('heading', { name: 'Get started', level: 1 }).waitFor()
    await picture(page, 'get-started')
  })
  await step('Add play money', async () => {
    await hand.press(page.getByRole('navigation', { name: 'Pages' }).getByRole('link', { name: 'Billing' }))
    await hand.press(page.getByRole('button', { name: 'Add play money' }))
    const dialog = page.getByRole('dialog')
    await hand.type(dialog.getByLabel('Amount in USD'), '12.50')
    await hand.press(dialog.getByRole('button', { name: 'Add play money' }))
    await dialog.waitFor({ state: 'detached' })
    await expect.poll(() => amountIn(page.getByRole('region', { name: 'Available' }))).toBe(12_500_000_000n)
  })
}

async function amountIn(place: { innerText(): Promise<string> }): Promise<bigint> {
  return nanosRead(await place.innerText())
}

async function makeKey(hand: Hand, { page }: Visit): Promise<string> {
  return step('Make a key', async () => {
    await hand.press(page.getByRole('navigation', { name: 'Pages' }).getByRole('link', { name: 'Keys' }))
    await hand.press(page.getByRole('button', { name: 'Create key' }).first())
    const dialog = page.getByRole('dialog')
    await hand.type(dialog.getByLabel('Name'), 'first program')
    await hand.press(dialog.getByRole('button', { name: 'Create key' }))
    const secret = await dialog.getByText(/^sk-brs-[A-Za-z0-9]{50}$/).innerText()
    await hand.press(dialog.getByRole('button', { name: 'I have stored it' }))
    return secret
  })
}

/** The buyer's program runs while the page of requests is open. */
async function callAndWatch(hand: Hand, { page }: Visit, key: string) {
  await hand.press(page.getByRole('navigation', { name: 'Pages' }).getByRole('link', { name: 'Requests' }))
  await page.getByText('live', { exact: true }).waitFor()
  const called = await step('Call the API', async () => {
    const stream = await openaiAt(stage.gateway.origin, key).chat.completions.create({
      model: 'openai/gpt-4o-mini',
      messages: [{ role: 'user', content: 'Good morning! How is the weather?' }],
      max_tokens: 100,
      stream: true,
    })
    let text = ''
    let requestId = ''
    for await (const { id, choices } of stream) {
      requestId = id
      text += choices[0]?.delta.content ?? ''
    }
    return { text, requestId }
  })
  await step('See the request appear', async () => {
    await hand.press(page.getByRole('button', { name: '1 new' }))
    await page.getByRole('row', { name: /openai\/gpt-4o-mini/ }).waitFor()
    await picture(page, 'requests')
  })
  return called
}

async function seeWhy(hand: Hand, { page }: Visit, requestId: string): Promise<void> {
  const booked = await stage.gateway.bookedNanos(requestId)
  await step('See what it cost and why this seller', async () => {
    const row = page.getByRole('row', { name: /openai\/gpt-4o-mini/ }).first()
    expect(nanosRead((await row.getByRole('cell').last().innerText()).trim())).toBe(booked)
    await hand.press(row.getByRole('link'))
    const drawer = page.getByRole('dialog', { name: 'Request' })
    await drawer.getByText(requestId, { exact: true }).waitFor()
    const why = drawer.getByRole('region', { name: /^Why (Bay|Demo)/ })
    await why.getByText('chosen first').waitFor()
    await why.getByRole('table').waitFor()
    const money = drawer.getByRole('region', { name: 'Money' })
    await money.getByText(/Receipt signed with key/).waitFor()
    expect(await money.innerText()).toContain('fee')
    await picture(page, 'why-this-seller')
    await page.keyboard.press('Escape')
    await drawer.waitFor({ state: 'detached' })
  })
}
