import { appendFileSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { createSigner } from '../platform/signing.ts'
import { appendAnchor, checkAnchor, lastAnchor, readAnchors } from './seal-anchor.ts'

const signer = createSigner({ seed: Buffer.alloc(32, 3) })
const keys = new Map([[signer.kid, signer.publicJwk.x]])
const head = {
  chain: 'books-1',
  seq: '7',
  hash: 'ab'.repeat(32),
  count: '12',
  sealed_at: '2026-11-22T10:00:00.123456Z',
}

let folder: string
let path: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'bourse-anchor-'))
  path = join(folder, 'anchors.jsonl')
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

test('an anchor is a signed line that its owner alone may read, and the last one is found again', async () => {
  expect(lastAnchor(path)).toBeUndefined()
  await appendAnchor(path, head, signer)
  await appendAnchor(path, { ...head, seq: '8' }, signer)
  expect(statSync(path).mode & 0o777).toBe(0o600)
  const lines = readAnchors(readFileSync(path, 'utf8'))
  expect(lines.map(({ anchor }) => anchor && checkAnchor(anchor, keys))).toEqual(['valid', 'valid'])
  expect(lastAnchor(path)).toMatchObject({ seq: '8', kid: signer.kid })
})

test('a line that a crash cut off spoils no line after it', async () => {
  await appendAnchor(path, head, signer)
  appendFileSync(path, '{"chain":"books-1","count":"1","ha')
  expect(lastAnchor(path)).toMatchObject({ seq: '7' })
  await appendAnchor(path, { ...head, seq: '9' }, undefined)
  const lines = readAnchors(readFileSync(path, 'utf8'))
  expect(lines.map(({ line, anchor }) => [line, anchor?.seq])).toEqual([
    [1, '7'],
    [2, undefined],
    [3, '9'],
  ])
})

test('every member of an anchor is under its signature', async () => {
  await appendAnchor(path, head, signer)
  const anchor = lastAnchor(path)
  if (!anchor) throw new Error('there is no anchor')
  for (const changes of [
    { chain: 'books-2' },
    { seq: '8' },
    { hash: 'ac'.repeat(32) },
    { count: '13' },
    { sealed_at: '2026-11-22T10:00:00.123457Z' },
    { signature: 'AAAA' },
  ]) {
    expect([changes, checkAnchor({ ...anchor, ...changes }, keys)]).toEqual([changes, 'invalid'])
  }
  expect(checkAnchor(anchor, new Map())).toBe('unknown')
  const { signature: _, ...unsigned } = anchor
  expect(checkAnchor(unsigned, keys)).toBe('unknown')
})

test('the last anchor of a long file is found without reading the file', async () => {
  appendFileSync(path, `${'x'.repeat(2000)}\n`.repeat(100))
  await appendAnchor(path, head, signer)
  expect(lastAnchor(path)).toMatchObject({ seq: '7' })
})
