import { expect, test, vi } from 'vitest'
import { isPublicAddress } from './address-guard.ts'
import { type AskDns, createResolver, type DnsAnswer } from './resolve.ts'

const resolverOf = (ask: AskDns, allowPrivate = false) =>
  createResolver({ allowPrivate, isPublic: isPublicAddress, ask })
const answer = (addresses: string[], ttlMs = 0): DnsAnswer => ({ addresses, ttlMs })

test('one bad address refuses the lot, wherever it stands', async () => {
  const many = Array.from({ length: 20 }, (_, index) => `93.184.216.${index + 1}`)
  for (const at of [0, 1, 7, 8, 19, 20]) {
    const mixed = many.toSpliced(at, 0, '10.0.0.1')
    await expect(resolverOf(async () => answer(mixed))('x.example.com'), `at ${at}`).rejects.toMatchObject({
      reason: 'blocked',
    })
  }
})

test('no more than eight addresses of a name are used', async () => {
  const many = Array.from({ length: 20 }, (_, index) => `93.184.216.${index + 1}`)
  expect(await resolverOf(async () => answer(many))('x.example.com')).toEqual(many.slice(0, 8))
})

test('an answer is kept as long as it says, and never longer than a minute; a refusal is not kept', async () => {
  let nowMs = 1_000
  vi.spyOn(performance, 'now').mockImplementation(() => nowMs)
  let asked = 0
  let addresses = ['10.0.0.1']
  let ttlMs = 10_000
  const resolve = resolverOf(async () => {
    asked += 1
    return answer(addresses, ttlMs)
  })
  await expect(resolve('x.example.com')).rejects.toMatchObject({ reason: 'blocked' })
  addresses = ['93.184.216.34']
  await resolve('x.example.com')
  nowMs += 9_000
  await resolve('x.example.com')
  expect(asked).toBe(2)
  nowMs += 2_000
  ttlMs = 3_600_000
  await resolve('x.example.com')
  expect(asked).toBe(3)
  nowMs += 61_000
  ttlMs = 0
  await resolve('x.example.com')
  await resolve('x.example.com')
  expect(asked).toBe(5)
  vi.restoreAllMocks()
})

test('many who ask for one name at once are one question', async () => {
  let asked = 0
  const resolve = resolverOf(async () => {
    asked += 1
    return answer(['93.184.216.34'])
  })
  await Promise.all(Array.from({ length: 20 }, () => resolve('x.example.com')))
  expect(asked).toBe(1)
})

test('a name that leads nowhere is not an attack, and one that is not answered in time is given up', async () => {
  await expect(resolverOf(async () => answer([]))('x.example.com')).rejects.toMatchObject({
    reason: 'unresolved',
  })
  vi.useFakeTimers()
  const waiting = expect(
    resolverOf(() => new Promise(() => undefined))('x.example.com'),
  ).rejects.toMatchObject({
    reason: 'unresolved',
  })
  await vi.advanceTimersByTimeAsync(5_000)
  await waiting
  vi.useRealTimers()
})

test('a literal is looked at and nobody is asked', async () => {
  const ask = vi.fn(async () => answer(['93.184.216.34']))
  const resolve = resolverOf(ask)
  expect(await resolve('[2606:4700::6812:6c0]')).toEqual(['2606:4700::6812:6c0'])
  await expect(resolve('127.0.0.1')).rejects.toMatchObject({ reason: 'our_rules' })
  await expect(resolve('[::ffff:127.0.0.1]')).rejects.toMatchObject({ reason: 'our_rules' })
  expect(await resolverOf(ask, true)('127.0.0.1')).toEqual(['127.0.0.1'])
  expect(ask).not.toHaveBeenCalled()
})
