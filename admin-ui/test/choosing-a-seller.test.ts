import { expect } from 'vitest'
import { hands } from './support/hand.ts'
import { apiOf, chat, listKey } from './support/market-scene.ts'
import { type Person, raiseStage, story } from './support/real-stage.ts'
import { picture, step } from './support/step.ts'
import { raiseVendor, type Vendor } from './support/vendor.ts'

let vendor: Vendor
const stage = raiseStage(async () => {
  vendor = await raiseVendor()
  return { outside: vendor.outside }
})
let sellers: Promise<{ dear: string }> | undefined

/** Two sellers of one model, the second at twice the price. */
function twoSellers(): Promise<{ dear: string }> {
  sellers ??= (async () => {
    const seller = await stage.person({ name: 'Bay Compute', roles: ['seller'] })
    const api = await apiOf(stage.gateway, seller)
    await listKey(stage.gateway, api, { name: 'Bay one', key: 'sk-vendor-cheap', ppm: 500_000 })
    const dear = await listKey(stage.gateway, api, { name: 'Bay two', key: 'sk-vendor-dear', ppm: 1_000_000 })
    return { dear }
  })()
  return sellers
}

/** The vendor's key that served last. */
const servedBy = () => vendor.keys.at(-1)

/** The cheapest, so that where the first request goes is no draw. */
const policy = { ignore: ['demo'], sort: 'price' }

async function buyerWithKey(name: string): Promise<{ buyer: Person; key: string; keyId: string }> {
  const buyer = await stage.person({ name, roles: ['buyer'], usd: 5 })
  const api = await apiOf(stage.gateway, buyer)
  const made = await api('post', '/api/keys', { name: 'laptop', policy })
  return { buyer, key: String(made.key), keyId: String(made.id) }
}

story.each(hands)(
  'a buyer takes a seller in three clicks and the next request goes there $name',
  async (hand) => {
    const { dear } = await twoSellers()
    const { buyer, key } = await buyerWithKey('Lena Fischer')
    await chat(stage.gateway.origin, key)
    expect(servedBy()).toBe('sk-vendor-cheap')
    const { page, go } = await stage.visit({ as: buyer })
    await go('market')
    const presses = countPresses(hand)
    await step('Choose a seller', async () => {
      await presses.press(page.getByRole('link', { name: /^openai\/gpt-4o-mini\b/ }))
      await page.getByRole('heading', { name: 'openai/gpt-4o-mini', level: 1 }).waitFor()
      await picture(page, 'market-offers')
      await presses.press(page.getByRole('button', { name: 'Use Bay two', exact: true }))
      await presses.press(page.getByRole('button', { name: /^Only this seller/ }))
      await page.getByText('only this seller (Bay two)').waitFor()
    })
    expect(presses.count()).toBe(3)
    const request = await chat(stage.gateway.origin, key)
    expect(servedBy()).toBe('sk-vendor-dear')
    await hand.press(page.getByRole('button', { name: 'Undo' }))
    await expect
      .poll(
        async () =>
          (await stage.gateway.api('get', `/api/keys?organisation=${buyer.organisationId}`)).body.data[0]
            .policy,
      )
      .toEqual(policy)
    // The address names the offer, so that it can be shared.
    await go(`market?model=openai%2Fgpt-4o-mini&open=${dear}`)
    await page
      .getByRole('dialog')
      .getByRole('heading', { name: /Bay two/ })
      .waitFor()
    expect(request).toMatch(/^gen-/)
  },
)

function countPresses(hand: (typeof hands)[number]) {
  let count = 0
  return {
    count: () => count,
    press(...given: Parameters<typeof hand.press>) {
      count += 1
      return hand.press(...given)
    },
  }
}

story.each(hands)('a buyer makes, limits, rotates and revokes a key $name', async (hand) => {
  await twoSellers()
  const { gateway } = stage
  const buyer = await stage.person({ name: 'Otto Brandt', roles: ['buyer'], usd: 5 })
  const { page, go } = await stage.visit({ as: buyer })
  await go('keys')
  const dialog = page.getByRole('dialog')
  const secret = dialog.getByText(/^sk-brs-[A-Za-z0-9]{50}$/)
  const first = await step('Make a key', async () => {
    await hand.press(page.getByRole('button', { name: 'Create key' }).first())
    await hand.type(dialog.getByLabel('Name'), 'nightly job')
    await hand.type(dialog.getByLabel('Budget in USD'), '12.50')
    await hand.choose(dialog.getByLabel('Budget renews'), 'Every day')
    await picture(page, 'create-key')
    await hand.press(dialog.getByRole('button', { name: 'Create key' }))
    const shown = await secret.innerText()
    await hand.press(dialog.getByRole('button', { name: 'I have stored it' }))
    await page.getByRole('row', { name: /nightly job/ }).waitFor()
    // Shown once.
    expect(await page.content()).not.toContain(shown)
    return shown
  })
  expect(await chat(gateway.origin, first, { model: 'openai/gpt-4o-mini' })).toMatch(/^gen-/)
  const second = await step('Rotate a key', async () => {
    await hand.press(page.getByRole('link', { name: /nightly job/ }))
    await hand.press(dialog.getByRole('button', { name: 'Rotate', exact: true }))
    const rotating = page.getByRole('dialog', { name: /Rotate/ })
    await hand.choose(rotating.getByLabel('The old secret goes on'), 'not at all: it ends now')
    await hand.press(rotating.getByRole('button', { name: 'Rotate key' }))
    const shown = await secret.innerText()
    await hand.press(page.getByRole('button', { name: 'I have stored it' }))
    return shown
  })
  expect(second).not.toBe(first)
  await expect.poll(() => statusOf(first)).toBe(401)
  expect(await statusOf(second)).toBe(200)
  await step('Revoke a key', async () => {
    await hand.press(dialog.getByRole('button', { name: 'Revoke', exact: true }))
    await hand.press(page.getByRole('button', { name: 'Revoke key' }))
    await dialog.getByText('revoked').first().waitFor()
    await page.keyboard.press('Escape')
    await page.getByRole('row', { name: /nightly job.*revoked/ }).waitFor()
  })
  await expect.poll(() => statusOf(second)).toBe(401)
})

async function statusOf(key: string): Promise<number> {
  const answer = await fetch(`${stage.gateway.origin}/v1/models`, {
    headers: { authorization: `Bearer ${key}` },
  })
  await answer.text()
  return answer.status
}
