import { expect, test } from 'vitest'
import { makeOffer } from '../../test/support/market.ts'
import type { Evidence } from './count-evidence.ts'
import { defaultNoise } from './count-noise.ts'
import { newCountTest } from './count-test.ts'
import { createRecords, MAX_RECORDS, type OfferRecord, showTest, weigh } from './records.ts'
import { readRecord, writeRecord } from './stored-record.ts'

const noise = () => defaultNoise({ tokenizer: 'o200k', reasoning: false }, 'prompt')
const evidence = (reported: number, requestId = 'r'): Evidence => ({
  requestId,
  tokenizer: 'o200k',
  exact: true,
  prompt: { reported, own: 1_000 },
  completion: 'tools',
})

function stored(record: OfferRecord): OfferRecord | undefined {
  return readRecord({ ...writeRecord(record), organisationId: record.organisationId })
}

test('the newest fifty answers are kept as evidence, and those that cannot be compared are none', () => {
  const record = createRecords().of(makeOffer('a'))
  expect(weigh(record, { ...evidence(1), prompt: 'media' }, noise)).toBe(false)
  expect(record.samples).toEqual([])
  for (let at = 0; at < 60; at += 1) weigh(record, evidence(1_000, `r${at}`), noise)
  expect(record.samples).toHaveLength(50)
  expect(record.samples[49]).toEqual({ requestId: 'r59', prompt: { reported: 1_000, own: 1_000, score: 0 } })
})

test('each further model of a listing shares the rate of false alarms of the first', () => {
  const records = createRecords()
  expect(records.of(makeOffer('a', { model: 'm/1' })).nth).toBe(1)
  expect(records.of(makeOffer('a', { model: 'm/2' })).nth).toBe(2)
  expect(records.of(makeOffer('a', { model: 'm/1' })).nth).toBe(1)
  expect(records.of(makeOffer('b')).nth).toBe(1)
})

test('a test goes on after a restart where it stood, and begins anew when another version wrote it', () => {
  const record = createRecords().of(makeOffer('a'))
  for (let at = 0; at < 9; at += 1) weigh(record, evidence(1_100), noise)
  const again = stored(record) as OfferRecord
  expect(again).toEqual({ ...record, model: 'test/model' })
  expect(showTest(again)).toEqual(showTest(record))
  const other = { ...record, test: { ...record.test, logStakes: new Float64Array(3) } }
  expect(stored(other)).toBeUndefined()
})

test('a listing that was cleared begins anew, and only what changed is written', () => {
  const records = createRecords()
  const record = records.of(makeOffer('a'))
  weigh(record, evidence(2_000), noise)
  records.touch(record)
  expect(records.changed()).toEqual([record])
  expect(records.changed()).toEqual([])
  records.forget('a')
  expect(records.of(makeOffer('a')).test).toEqual(newCountTest())
  expect(records.changed()).toEqual([record])
})

test('the least lately used records are forgotten beyond the bound', () => {
  const records = createRecords()
  for (let at = 0; at <= MAX_RECORDS; at += 1) records.of(makeOffer(`listing-${at}`))
  expect([...records.all()]).toHaveLength(MAX_RECORDS)
})
