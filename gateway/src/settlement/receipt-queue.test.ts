import { expect, test } from 'vitest'
import { createReceiptQueue } from './receipt-queue.ts'

const silent = { warn: () => {}, error: () => {} }

/** A signer that waits at a gate until it is opened. */
function gated() {
  const batches: string[][] = []
  let open = () => {}
  const gate = new Promise<void>((resolve) => {
    open = resolve
  })
  const sign = async (ids: readonly string[]) => {
    batches.push([...ids])
    await gate
  }
  return { batches, open, sign }
}

test('what is booked while a batch is signed goes into the next', async () => {
  const { batches, open, sign } = gated()
  const queue = createReceiptQueue({ sign, logger: silent })
  for (let index = 0; index < 300; index += 1) queue.add(`a${index}`)
  await expect.poll(() => batches.length).toBe(1)
  queue.add('late')
  open()
  await queue.idle()
  expect(batches.map((batch) => batch.length)).toEqual([250, 51])
  expect(batches[1]?.at(-1)).toBe('late')
})

test('a queue that nobody works off does not grow without end', async () => {
  const { open, sign } = gated()
  const queue = createReceiptQueue({ sign, logger: silent })
  for (let index = 0; index < 70_000; index += 1) queue.add('x')
  expect(queue.waiting()).toBe(60_000)
  open()
  await queue.close()
})

test('a batch that fails for good does not keep the others back', async () => {
  const logged: string[] = []
  const signed: string[] = []
  const queue = createReceiptQueue({
    sign: async (ids) => {
      if (ids.includes('bad')) throw new Error('a fault of ours')
      signed.push(...ids)
    },
    logger: {
      ...silent,
      error: (_: unknown, message?: string) => void logged.push(String(message)),
    } as never,
  })
  queue.add('bad')
  await queue.idle()
  queue.add('good')
  await queue.idle()
  expect(signed).toEqual(['good'])
  expect(logged).toHaveLength(1)
})

test('a stop signs what is waiting, gives up on a database that is away, and takes nothing more', async () => {
  const signed: string[] = []
  const queue = createReceiptQueue({ sign: async (ids) => void signed.push(...ids), logger: silent })
  queue.add('last')
  await queue.close()
  queue.add('too late')
  expect(signed).toEqual(['last'])
  expect(queue.waiting()).toBe(0)
  const gone = Object.assign(new Error('gone'), { code: 'ECONNREFUSED' })
  const stuck = createReceiptQueue({ sign: () => Promise.reject(gone), logger: silent })
  stuck.add('x')
  await stuck.close()
  expect(stuck.waiting()).toBe(0)
})
