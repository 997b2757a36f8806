/**
 * The head of the chain, written down outside the database: one line of JSON per anchor, signed when there is a key.
 * A chain that somebody made anew agrees with itself; it cannot agree with a line that was written before.
 */
import { closeSync, fstatSync, fsyncSync, openSync, readSync, writeSync } from 'node:fs'
import { z } from 'zod'
import { canonicalJson } from '../platform/canonical-json.ts'
import { type Signer, verifySignature } from '../platform/signing.ts'

/** What an anchor says; `count` is the number of journals and free requests in that block. */
const anchorSchema = z.strictObject({
  v: z.literal(1),
  chain: z.string(),
  seq: z.string().regex(/^[1-9]\d{0,18}$/),
  hash: z.string().regex(/^[0-9a-f]{64}$/),
  count: z.string().regex(/^\d{1,19}$/),
  sealed_at: z.string(),
  kid: z.string().optional(),
  signature: z.string().optional(),
})

export type Anchor = z.output<typeof anchorSchema>
export type AnchoredHead = Pick<Anchor, 'chain' | 'seq' | 'hash' | 'count' | 'sealed_at'>

/** A line of an anchor file, by its number; `anchor` is absent when it cannot be read. */
export interface AnchorLine {
  line: number
  anchor?: Anchor
}

// A line has about 350 bytes; the last few are all that a writer looks at.
const TAIL_BYTES = 16 * 1024

/** Appends the head and waits for the disk. A line that a crash cut off is ended first, so that it spoils only itself. */
export async function appendAnchor(
  path: string,
  head: AnchoredHead,
  signer: Signer | undefined,
): Promise<void> {
  const unsigned = { v: 1 as const, ...head, ...(signer ? { kid: signer.kid } : {}) }
  const signature = await signer?.sign(Buffer.from(canonicalJson(unsigned)))
  const line = canonicalJson({
    ...unsigned,
    ...(signature ? { signature: signature.toString('base64url') } : {}),
  })
  const file = openSync(path, 'a+', 0o600)
  try {
    const tail = readTail(file)
    writeSync(file, `${tail === '' || tail.endsWith('\n') ? '' : '\n'}${line}\n`)
    fsyncSync(file)
  } finally {
    closeSync(file)
  }
}

/** The last anchor that can be read near the end of the file; undefined when there is none. */
export function lastAnchor(path: string): Anchor | undefined {
  let file: number
  try {
    file = openSync(path, 'r')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
  try {
    return readTail(file)
      .split('\n')
      .map(parseAnchor)
      .findLast((anchor) => anchor !== undefined)
  } finally {
    closeSync(file)
  }
}

function readTail(file: number): string {
  const { size } = fstatSync(file)
  const tail = Buffer.alloc(Math.min(size, TAIL_BYTES))
  readSync(file, tail, 0, tail.length, size - tail.length)
  return tail.toString('utf8')
}

/** The lines of an anchor file; empty ones are left out. */
export function readAnchors(text: string): AnchorLine[] {
  return text.split('\n').flatMap((line, index) => {
    if (line.trim() === '') return []
    const anchor = parseAnchor(line)
    return [{ line: index + 1, ...(anchor ? { anchor } : {}) }]
  })
}

function parseAnchor(line: string): Anchor | undefined {
  try {
    return anchorSchema.safeParse(JSON.parse(line)).data
  } catch {
    return undefined
  }
}

/** Whether its signature is right by the 32 bytes (base64url) of the key it names; `unknown` without a signature or without the key that it names. */
export function checkAnchor(
  anchor: Anchor,
  keys: ReadonlyMap<string, string>,
): 'valid' | 'invalid' | 'unknown' {
  const { signature, ...unsigned } = anchor
  const x = keys.get(anchor.kid ?? '')
  if (signature === undefined || x === undefined) return 'unknown'
  const bytes = Buffer.from(canonicalJson(unsigned))
  const key = { kty: 'OKP', crv: 'Ed25519', x } as const
  return verifySignature(key, bytes, Buffer.from(signature, 'base64url')) ? 'valid' : 'invalid'
}
