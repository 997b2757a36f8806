import { expect, test } from 'vitest'
import { isTransient, sqlState } from '../platform/transient-errors.ts'
import { retryTransient } from './transient.ts'

const fromServer = (code: string) => Object.assign(new Error('x'), { code, severity: 'ERROR' })
const fromSocket = (code: string) => Object.assign(new Error('x'), { code })

test.each([
  '40001',
  '40P01',
  '55P03',
  '57014',
  '57P01',
  '57P02',
  '57P03',
  '08006',
  '08P01',
  '53300',
  '53200',
])('SQLSTATE %s passes by itself', (code) => expect(isTransient(fromServer(code))).toBe(true))

test.each(['23505', '23514', '22003', '22P05', '42501', '42883', 'BL001', 'XX000', '23001', '0A000'])(
  'SQLSTATE %s would fail again',
  (code) => expect(isTransient(fromServer(code))).toBe(false),
)

test.each(['ECONNRESET', 'ECONNREFUSED', 'EPIPE', 'ETIMEDOUT', 'EHOSTUNREACH', 'ENOENT'])(
  'a socket that ended with %s is tried again',
  (code) => expect(isTransient(fromSocket(code))).toBe(true),
)

test.each([
  'Query read timeout',
  'timeout exceeded when trying to connect',
  'Connection terminated unexpectedly',
  'Connection terminated due to connection timeout',
  'Client has encountered a connection error and is not queryable',
])('the driver saying "%s" leaves the outcome in doubt, so it is tried again', (message) =>
  expect(isTransient(new Error(message))).toBe(true),
)

test.each([
  new TypeError('x is not a function'),
  new Error('Cannot use a pool after calling end on the pool'),
  'thrown text',
])('a mistake of ours (%s) is not tried again', (error) => expect(isTransient(error)).toBe(false))

test('only the server’s codes count as SQLSTATE', () => {
  expect([sqlState(fromServer('40P01')), sqlState(fromSocket('EPIPE')), sqlState(new Error('x'))]).toEqual([
    '40P01',
    undefined,
    undefined,
  ])
})

test('what passes is tried until it succeeds, and what does not is thrown at once', async () => {
  const clock = { nowMs: () => 0, monotonicMs: () => 0 }
  const attempts: number[] = []
  let left = 2
  const answer = await retryTransient(
    async () => {
      left -= 1
      if (left >= 0) throw fromServer('40P01')
      return 'done'
    },
    { clock, patienceMs: 1_000, onRetry: (_, attempt) => attempts.push(attempt) },
  )
  expect([answer, attempts]).toEqual(['done', [1, 2]])
  let runs = 0
  const failing = async () => {
    runs += 1
    throw fromServer('23505')
  }
  await expect(retryTransient(failing, { clock, patienceMs: 1_000 })).rejects.toThrow('x')
  expect(runs).toBe(1)
})
