import { beforeEach, expect, test } from 'vitest'
import { createLoginThrottle, type LoginThrottle } from './login-throttle.ts'

let nowMs: number
let throttle: LoginThrottle

beforeEach(() => {
  nowMs = 1_000
  throttle = createLoginThrottle({ clock: { nowMs: () => nowMs, monotonicMs: () => nowMs } })
})

const fail = (account: string, address: string) => throttle.take({ account, address })

function refusalOf(
  account: string,
  address: string,
): { code: string; retryAfterMs: number | undefined } | undefined {
  try {
    throttle.take({ account, address }).undecided()
    return undefined
  } catch (error) {
    const { code, details } = error as { code: string; details: { retryAfterMs?: number } }
    return { code, retryAfterMs: details.retryAfterMs }
  }
}

test('the sixth failure within a quarter of an hour is refused, with the wait that is left', () => {
  for (let attempt = 0; attempt < 5; attempt += 1) fail('ada', '192.0.2.1')
  nowMs += 60_000
  expect(refusalOf('ada', '192.0.2.1')).toEqual({ code: 'rate_limit_exceeded', retryAfterMs: 14 * 60_000 })
  expect(refusalOf('ada', '192.0.2.2')).toBeUndefined()
  nowMs += 14 * 60_000
  expect(refusalOf('ada', '192.0.2.1')).toBeUndefined()
})

test('a right password forgives the failures before it', () => {
  for (let attempt = 0; attempt < 4; attempt += 1) fail('ada', '192.0.2.1')
  throttle.take({ account: 'ada', address: '192.0.2.1' }).succeeded()
  for (let attempt = 0; attempt < 5; attempt += 1) expect(refusalOf('ada', '192.0.2.1')).toBeUndefined()
})

test('an attempt that nobody could check does not count', () => {
  for (let attempt = 0; attempt < 100; attempt += 1) fail('ada', '192.0.2.1').undecided()
  expect(refusalOf('ada', '192.0.2.1')).toBeUndefined()
})

test('one address that tries many accounts is stopped after twenty', () => {
  for (let attempt = 0; attempt < 20; attempt += 1) fail(`user ${attempt}`, '192.0.2.1')
  expect(refusalOf('somebody else', '192.0.2.1')?.code).toBe('rate_limit_exceeded')
  expect(refusalOf('somebody else', '192.0.2.2')).toBeUndefined()
})

test('a flood of refused attempts makes nobody forget what was counted', () => {
  for (let attempt = 0; attempt < 5; attempt += 1) fail('ada', '192.0.2.1')
  for (let attempt = 0; attempt < 30_000; attempt += 1) refusalOf(`made up ${attempt}`, '192.0.2.2')
  for (let attempt = 0; attempt < 20; attempt += 1) fail(`user ${attempt}`, '192.0.2.3')
  for (let attempt = 0; attempt < 30_000; attempt += 1) refusalOf(`invented ${attempt}`, '192.0.2.3')
  expect(refusalOf('ada', '192.0.2.1')?.code).toBe('rate_limit_exceeded')
})

test('many addresses that try one account are stopped after fifty', () => {
  for (let attempt = 0; attempt < 50; attempt += 1) fail('ada', `192.0.2.${attempt}`)
  expect(refusalOf('ada', '198.51.100.1')?.code).toBe('rate_limit_exceeded')
})

test('all IPv6 addresses of one network are one guesser, in whatever way they are written', () => {
  for (const address of [
    '2001:db8::1',
    '2001:db8:0:0:1::',
    '2001:DB8::ffff:2',
    '2001:db8:0:0:dead:beef:0:1',
    '2001:db8::',
  ]) {
    fail('ada', address)
  }
  expect(refusalOf('ada', '2001:db8:0:0::99')?.code).toBe('rate_limit_exceeded')
  expect(refusalOf('ada', '2001:db8:0:1::99')).toBeUndefined()
  for (let attempt = 0; attempt < 5; attempt += 1) fail('bob', '::ffff:192.0.2.7')
  expect(refusalOf('bob', '192.0.2.7')?.code).toBe('rate_limit_exceeded')
})
