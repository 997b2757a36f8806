import { createCipheriv, createHmac, randomBytes } from 'node:crypto'
import { inspect } from 'node:util'
import fc from 'fast-check'
import { afterEach, expect, test, vi } from 'vitest'
import { createLocalKms, type Kms } from './kms.ts'
import { createSealer, keyedHash } from './secrets.ts'

const master = randomBytes(32)
const sealer = createSealer(createLocalKms({ current: master }))

afterEach(() => {
  vi.useRealTimers()
})

test('any secret comes back as it was sealed, for the row it was sealed for', async () => {
  await fc.assert(
    fc.asyncProperty(fc.string({ unit: 'grapheme', maxLength: 200 }), fc.string(), async (plain, aad) => {
      expect((await sealer.open(await sealer.seal(plain, aad), aad)).reveal()).toBe(plain)
    }),
  )
})

test('an opened secret shows itself to nobody who prints it', async () => {
  const secret = await sealer.open(await sealer.seal('sk-abc', 'a'), 'a')
  const error = new Error('a failure', { cause: secret })
  for (const printed of [
    String(secret),
    `${secret}`,
    JSON.stringify({ secret }),
    inspect(secret),
    inspect({ deep: { secret } }, { depth: 9, showHidden: true }),
    inspect(error),
    Object.values(secret).join(),
  ]) {
    expect(printed).not.toContain('sk-abc')
  }
  expect([String(secret), inspect(secret), JSON.stringify(secret)]).toEqual([
    '[secret]',
    '[secret]',
    '"[secret]"',
  ])
})

test('a database driver that hands over a slice of a larger buffer can be opened', async () => {
  const sealed = await sealer.seal('sk-abc', 'listing:1')
  const larger = new Uint8Array(sealed.length + 20)
  larger.set(sealed, 7)
  const opened = await sealer.open(larger.subarray(7, 7 + sealed.length), 'listing:1')
  expect(opened.reveal()).toBe('sk-abc')
})

test('the same secret never looks the same twice, and is not readable in its sealed bytes', async () => {
  const [first, second] = [await sealer.seal('sk-abcdef', 'a'), await sealer.seal('sk-abcdef', 'a')]
  expect(first.equals(second)).toBe(false)
  expect(first.includes('sk-abcdef')).toBe(false)
})

/** As version 1 was written, before wrapping keys could change. */
function sealFirst(key: Buffer, plain: string, aad: string): Buffer {
  const keyId = createHmac('sha256', key).update('key id').digest().subarray(0, 4)
  const header = Buffer.concat([Buffer.of(1), keyId])
  const encrypt = (by: Buffer, text: Buffer, bound: string) => {
    const nonce = randomBytes(12)
    const cipher = createCipheriv('aes-256-gcm', by, nonce, { authTagLength: 16 })
    cipher.setAAD(Buffer.concat([header, Buffer.from(bound)]))
    return Buffer.concat([nonce, cipher.update(text), cipher.final(), cipher.getAuthTag()])
  }
  const dataKey = randomBytes(32)
  return Buffer.concat([
    header,
    encrypt(key, dataKey, `key|${aad}`),
    encrypt(dataKey, Buffer.from(plain), `secret|${aad}`),
  ])
}

const next = randomBytes(32)
const both = createSealer(createLocalKms({ current: next, old: [master] }))
const kinds = {
  'of the first version': async (plain: string, aad: string) => sealFirst(master, plain, aad),
  'of today': (plain: string, aad: string) => sealer.seal(plain, aad),
  'of the first version under a new key': async (plain: string, aad: string) =>
    (await both.rewrap(sealFirst(master, plain, aad), aad)) as Buffer,
  'of today under a new key': async (plain: string, aad: string) =>
    (await both.rewrap(await sealer.seal(plain, aad), aad)) as Buffer,
}

for (const [kind, seal] of Object.entries(kinds)) {
  test(`a secret ${kind} opens for its row and for no other`, async () => {
    const mine = await seal('sk-mine', 'listing:1')
    expect((await both.open(mine, 'listing:1')).reveal()).toBe('sk-mine')
    await expect(both.open(mine, 'listing:2')).rejects.toThrow()
  })

  test(`flipping any one bit of a secret ${kind} makes it unreadable`, async () => {
    const sealed = await seal('sk-abcdef', 'listing:1')
    for (let index = 0; index < sealed.length; index += 1) {
      for (const bit of [1, 2, 128]) {
        const altered = Buffer.from(sealed)
        altered[index] = (altered[index] as number) ^ bit
        await expect(both.open(altered, 'listing:1'), `byte ${index}`).rejects.toThrow()
      }
    }
  })

  test(`a secret ${kind} that was cut or lengthened anywhere, its tag too, is unreadable`, async () => {
    const sealed = await seal('sk-abcdef', 'listing:1')
    for (let length = 0; length < sealed.length; length += 1)
      await expect(both.open(sealed.subarray(0, length), 'listing:1'), `cut at ${length}`).rejects.toThrow()
    await expect(both.open(Buffer.concat([sealed, Buffer.of(0)]), 'listing:1')).rejects.toThrow()
  })
}

test('parts of two sealed secrets cannot be put together', async () => {
  const [one, two] = [await sealer.seal('sk-one', 'a'), await sealer.seal('sk-two', 'a')]
  // Both have the same lengths, so that each cut swaps whole parts.
  for (let cut = 1; cut < one.length; cut += 1) {
    const mixed = Buffer.concat([one.subarray(0, cut), two.subarray(cut)])
    if (mixed.equals(one) || mixed.equals(two)) continue
    await expect(sealer.open(mixed, 'a'), `cut at ${cut}`).rejects.toThrow()
  }
})

test('another master key says that it is another key, not that the data is damaged', async () => {
  const other = createSealer(createLocalKms({ current: randomBytes(32) }))
  await expect(other.open(await sealer.seal('sk-abc', 'a'), 'a')).rejects.toThrow(
    /another GATEWAY_ENCRYPTION_KEY/,
  )
})

test('what was wrapped anew opens under the new key alone, and the old key alone opens it no more', async () => {
  const onlyNext = createSealer(createLocalKms({ current: next }))
  for (const old of [await sealer.seal('sk-abc', 'a'), sealFirst(master, 'sk-abc', 'a')]) {
    const sealed = (await both.rewrap(old, 'a')) as Buffer
    expect((await onlyNext.open(sealed, 'a')).reveal()).toBe('sk-abc')
    await expect(sealer.open(sealed, 'a')).rejects.toThrow(/another/)
    // The cipher text is the same: the secret itself was not touched.
    expect(sealed.subarray(-34)).toEqual(old.subarray(-34))
    expect(await both.rewrap(sealed, 'a')).toBeUndefined()
  }
})

test('nothing is wrapped anew for a row that it does not belong to', async () => {
  await expect(both.rewrap(await sealer.seal('sk-abc', 'a'), 'b')).rejects.toThrow()
})

test('an encryption key of the wrong length is refused', () => {
  for (const length of [0, 16, 31, 33, 64])
    expect(() => createLocalKms({ current: randomBytes(length) })).toThrow(/32 bytes/)
})

/** A service that counts what it is asked and can be switched off. */
function remoteKms() {
  const local = createLocalKms({ current: randomBytes(32) })
  const remote = { isDown: false, unwraps: 0 }
  const reachable = async <Result>(asked: () => Promise<Result>) => {
    if (remote.isDown) throw new Error('the key service is down')
    return asked()
  }
  const kms: Kms = {
    wrap: (dataKey, context) => reachable(() => local.wrap(dataKey, context)),
    unwrap(wrapped, context) {
      remote.unwraps += 1
      return reachable(() => local.unwrap(wrapped, context))
    },
    currentKeyId: local.currentKeyId,
    keyIds: local.keyIds,
  }
  return { kms, remote }
}

test('what was opened lately opens while the key service is down; new secrets cannot be sealed', async () => {
  const { kms, remote } = remoteKms()
  const remoteSealer = createSealer(kms)
  const [seen, unseen] = [await remoteSealer.seal('sk-seen', 'a'), await remoteSealer.seal('sk-unseen', 'b')]
  await remoteSealer.open(seen, 'a')
  remote.isDown = true
  for (let count = 0; count < 10; count += 1)
    expect((await remoteSealer.open(seen, 'a')).reveal()).toBe('sk-seen')
  expect(remote.unwraps).toBe(1)
  await expect(remoteSealer.open(seen, 'b')).rejects.toThrow()
  await expect(remoteSealer.open(unseen, 'b')).rejects.toThrow(/down/)
  await expect(remoteSealer.seal('sk-new', 'c')).rejects.toThrow(/down/)
})

test('a data key is kept for five minutes and not longer, and one in use is asked for again before', async () => {
  let nowMs = 1_000
  const { kms, remote } = remoteKms()
  const remoteSealer = createSealer(kms, { monotonicMs: () => nowMs })
  const sealed = await remoteSealer.seal('sk-abc', 'a')
  await remoteSealer.open(sealed, 'a')
  nowMs += 200_000
  await remoteSealer.open(sealed, 'a')
  await new Promise(setImmediate)
  expect(remote.unwraps).toBe(2)
  remote.isDown = true
  nowMs += 299_000
  expect((await remoteSealer.open(sealed, 'a')).reveal()).toBe('sk-abc')
  nowMs += 2_000
  await expect(remoteSealer.open(sealed, 'a')).rejects.toThrow(/down/)
})

test('of more than a thousand data keys the ones not used for longest are dropped', async () => {
  const { kms, remote } = remoteKms()
  const remoteSealer = createSealer(kms)
  const sealed: Buffer[] = []
  for (let count = 0; count <= 1_000; count += 1) {
    sealed.push(await remoteSealer.seal('sk', `row ${count}`))
    await remoteSealer.open(sealed[count] as Buffer, `row ${count}`)
  }
  await remoteSealer.open(sealed[1_000] as Buffer, 'row 1000')
  expect(remote.unwraps).toBe(1_001)
  await remoteSealer.open(sealed[0] as Buffer, 'row 0')
  expect(remote.unwraps).toBe(1_002)
})

test('a key service that never answers is given up', async () => {
  vi.useFakeTimers()
  const { kms } = remoteKms()
  const hanging = createSealer({ ...kms, unwrap: () => new Promise(() => undefined) })
  const opening = expect(hanging.open(await sealer.seal('sk', 'a'), 'a')).rejects.toThrow(/did not answer/)
  await vi.advanceTimersByTimeAsync(1_500)
  await opening
})

test('a keyed hash depends on the pepper and on the text', () => {
  const pepper = Buffer.from('pepper')
  expect(keyedHash(pepper, 'a').equals(keyedHash(pepper, 'a'))).toBe(true)
  expect(keyedHash(pepper, 'a').equals(keyedHash(pepper, 'b'))).toBe(false)
  expect(keyedHash(Buffer.from('salt'), 'a').equals(keyedHash(pepper, 'a'))).toBe(false)
  expect(keyedHash(Buffer.from('key'), 'The quick brown fox jumps over the lazy dog').toString('hex')).toBe(
    'f7bc83f430538424b13298e6aa6fb143ef4d59a14946175997479dbc2d1a3cd8',
  )
})
