import { afterAll, beforeAll, expect, test } from 'vitest'
import { createPaymentsScene, type PaymentsScene } from '../../test/support/payments-scene.ts'
import { GatewayError } from '../platform/errors.ts'

let scene: PaymentsScene
beforeAll(async () => {
  scene = await createPaymentsScene()
})
afterAll(() => scene.close())

test('what one node sets aside while another finds too little and gives up is given back', async () => {
  const seller = await scene.person(['seller'], 'Sam')
  const nanos = 5_000_000_000n
  await scene.earn(seller, nanos)
  let booked = () => {}
  let goOn = () => {}
  const isBooked = new Promise<void>((resolve) => {
    booked = resolve
  })
  const mayGoOn = new Promise<void>((resolve) => {
    goOn = resolve
  })
  const finishing = scene.open({
    ledger: {
      async post(journal) {
        const answer = await scene.ledger.post(journal)
        if (journal.code !== 'payout_requested') return answer
        booked()
        await mayGoOn
        return answer
      },
    },
  })
  let finished: Promise<void> | undefined
  const givingUp = scene.open({
    ledger: {
      async post(journal) {
        if (journal.code !== 'payout_requested') return scene.ledger.post(journal)
        finished = finishing.payouts.finish()
        await isBooked
        throw new GatewayError('conflict', 'there was less a moment ago')
      },
    },
  })
  await expect(givingUp.payouts.request({}, seller)).rejects.toThrow(/Less is available/)
  goOn()
  await finished
  const of = (code: string) => scene.balance(code, seller.organisationId)
  expect([await of('seller_available'), await of('seller_payout_inflight')]).toEqual([nanos, 0n])
  const [row] = await scene.payments.payouts.list({ organisationId: seller.organisationId, limit: 1 })
  expect(row).toMatchObject({ state: 'failed', unbooked: null })
  expect(await scene.ledger.checkInvariants()).toEqual([])
})
