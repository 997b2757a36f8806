import { expect, test } from 'vitest'
import { createPaymentsScene } from '../../test/support/payments-scene.ts'

const usd = (dollars: bigint) => dollars * 1_000_000_000n

test('in live mode nobody makes money: the answer is 501, and says so', async () => {
  const scene = await createPaymentsScene({ mode: 'live' })
  const buyer = await scene.person(['buyer'])
  const topUp = scene.payments.topups.topUp({ amountNanos: usd(5n), idempotencyKey: 'a' }, buyer)
  await expect(topUp).rejects.toMatchObject({
    status: 501,
    message:
      'No way to pay is connected to this gateway, so a balance cannot be topped up here. Ask its operator.',
  })
  expect(await scene.balance('buyer_cash', buyer.organisationId)).toBe(0n)
  await scene.close()
})

test('the bound of a day holds when everything is sent at once, and a lost answer adds nothing', async () => {
  const scene = await createPaymentsScene()
  const buyer = await scene.person(['buyer'])
  const topUp = (idempotencyKey: string) =>
    scene.payments.topups.topUp({ amountNanos: usd(100n), idempotencyKey }, buyer)
  const sent = ['a', 'b', 'c', 'd', 'e', 'f', 'g'].flatMap((key) => [topUp(key), topUp(key)])
  const outcomes = await Promise.allSettled(sent)
  const refused = outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason.code] : []))
  expect(refused).toEqual(Array(4).fill('rate_limit_exceeded'))
  expect(await scene.balance('buyer_cash', buyer.organisationId)).toBe(usd(500n))
  // Tomorrow is another day.
  scene.clock.advance(86_400_001)
  expect((await topUp('h')).balance.availableNanos).toBe(usd(600n))
  expect(await scene.ledger.checkInvariants()).toEqual([])
  await scene.close()
})
