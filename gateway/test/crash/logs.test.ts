/** What the crash test reads from the bytes that a client wrote down. */
import { appendFileSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { formatId } from '../../src/platform/ids.ts'
import { type ClientLine, readClientLog, readUpstreamLog, writeLine } from '../support/crash-logs.ts'

const ID = '01940000-0000-7000-8000-000000000001'
const requestId = formatId('gen-', ID)
let folder: string
let file: string

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'bourse-crash-logs-'))
  file = join(folder, 'log.jsonl')
})
afterEach(() => rmSync(folder, { recursive: true }))

function readAsked(stream: boolean, ...lines: ClientLine[]) {
  writeLine(file, { ask: 'a', at: 'asked', payer: 'p', stream })
  for (const line of lines) writeLine(file, line)
  return readClientLog(file)[0]
}
const bytes = (text: string): ClientLine => ({ ask: 'a', at: 'bytes', text })
const opened: ClientLine = { ask: 'a', at: 'opened', status: 200, requestId }
const ended = (how: 'complete' | 'broken'): ClientLine => ({ ask: 'a', at: 'ended', how })
const last = 'data: {"usage":{"cost":0.000016383}}\n\ndata: [DONE]\n\n'

test('a stream is whole with its last event, and its cost is read although the bytes came in pieces', () => {
  const pieces = [bytes('data: {"content":" word"}\n\n'), bytes(last.slice(0, 25)), bytes(last.slice(25))]
  expect(readAsked(true, opened, ...pieces, ended('complete'))).toMatchObject({
    id: ID,
    whole: true,
    failed: false,
    toldNanos: [16_383n],
    words: 1,
    end: 'complete',
  })
})

test('a stream that ends before its last event is not whole, and a cost that was read counts all the same', () => {
  const cut = bytes(last.replace('data: [DONE]\n\n', ''))
  expect(readAsked(true, opened, cut, ended('complete'))).toMatchObject({
    whole: false,
    toldNanos: [16_383n],
  })
})

test('an answer whose connection broke is not whole, whatever was read', () => {
  expect(readAsked(true, opened, bytes(last), ended('broken'))).toMatchObject({ whole: false, end: 'broken' })
})

test('a stream that says it failed is no whole answer', () => {
  const failed = bytes('data: {"error":{"message":"no"}}\n\ndata: [DONE]\n\n')
  expect(readAsked(true, opened, failed, ended('complete'))).toMatchObject({ whole: false, failed: true })
})

test('a cost in a header was told, even if the body never came', () => {
  const head: ClientLine = { ask: 'a', at: 'opened', status: 200, requestId, cost: '0.000016383' }
  expect(readAsked(false, head, ended('broken'))).toMatchObject({ whole: false, toldNanos: [16_383n] })
})

test('who has heard nothing is still waiting, and a line that is being written is left for later', () => {
  writeLine(file, { ask: 'a', at: 'asked', payer: 'p', stream: true })
  appendFileSync(file, '{"ask":"a","at":"en')
  expect(readClientLog(file)).toMatchObject([{ ask: 'a', status: undefined, id: undefined, end: 'running' }])
})

test('an upstream visit is its last word on how far it came', () => {
  writeLine(file, { visit: 3, at: 'accepted', ask: 'a', stream: true })
  writeLine(file, { visit: 3, at: 'sent', words: 1, chars: 5 })
  writeLine(file, { visit: 3, at: 'sent', words: 2, chars: 10 })
  writeLine(file, { visit: 3, at: 'reported', input: 4, output: 5 })
  writeLine(file, { visit: 3, at: 'broken' })
  expect(readUpstreamLog(file)).toEqual([
    {
      visit: 3,
      ask: 'a',
      stream: true,
      words: 2,
      chars: 10,
      reported: { input: 4, output: 5 },
      end: 'broken',
    },
  ])
})
