/** Holds the chain against the heads that were written down outside the database. */
import { type Check, createFindings, type Finding } from './audit-report.ts'
import { type Anchor, type AnchorLine, checkAnchor, readAnchors } from './seal-anchor.ts'
import { isoMicros } from './seal-format.ts'
import { readHead, readSeals, type SealClient, type SealRow } from './seal-store.ts'

export async function checkAnchors({
  client,
  keys,
  text,
}: {
  client: SealClient
  keys: ReadonlyMap<string, string>
  text: string | undefined
}): Promise<{ check: Check; notProved: string[] }> {
  const findings = createFindings()
  const title = 'the chain has every head that was written down'
  if (text === undefined) {
    const check = findings.check({
      id: 'seal.anchors',
      title,
      figures: 'no anchor was given',
      unproved: true,
    })
    return { check, notProved: [NO_ANCHOR] }
  }
  const head = await readHead(client)
  const lines = readAnchors(text)
  // Whoever gives a file wants it used: nothing to hold the chain against is no proof.
  if (!lines.some(({ anchor }) => anchor)) throw new Error('The anchor file has no anchor that can be read.')
  const notes = { unreadable: 0, unsigned: 0, last: 0n }
  for (const line of lines) {
    const { anchor } = line
    if (!anchor) {
      notes.unreadable += 1
      continue
    }
    const signature = checkAnchor(anchor, keys)
    if (signature === 'unknown') notes.unsigned += 1
    const finding =
      signature === 'invalid'
        ? at(line, 'the signature is not that of the line')
        : contradiction(anchor, line, await blockOf(client, anchor))
    if (finding) findings.add(finding)
    if (BigInt(anchor.seq) > notes.last) notes.last = BigInt(anchor.seq)
  }
  const after = BigInt(head?.seq ?? '0') - notes.last
  return {
    check: findings.check({
      id: 'seal.anchors',
      title,
      figures: `${lines.length} anchors, the last of block ${notes.last}`,
      unproved: notes.last === 0n,
    }),
    notProved: [
      ...(notes.last === 0n ? [NO_ANCHOR] : []),
      ...(notes.last > 0n && after > 0n
        ? [`${after} blocks after the last anchor could have been made anew.`]
        : []),
      ...(notes.unreadable > 0 ? [`${notes.unreadable} lines of the anchor file cannot be read.`] : []),
      ...(notes.unsigned > 0
        ? [
            `${notes.unsigned} anchors have no signature, or none by a key that is known: whoever can write the file could have written them.`,
          ]
        : []),
    ],
  }
}

const NO_ANCHOR =
  'A chain that somebody made anew would not be noticed: only heads that were written down elsewhere show it. Give --anchor.'

function at({ line }: AnchorLine, detail: string): Finding {
  return { table: 'anchor file', id: `line ${line}`, detail }
}

async function blockOf(client: SealClient, { seq }: Anchor): Promise<SealRow | undefined> {
  const [row] = await readSeals(client, { after: String(BigInt(seq) - 1n), limit: 1 })
  return row?.seq === seq ? row : undefined
}

function contradiction(anchor: Anchor, line: AnchorLine, block: SealRow | undefined): Finding | undefined {
  if (!block) return at(line, `block ${anchor.seq} was written down, and the chain does not have it`)
  if (block.chain !== anchor.chain)
    return at(line, `is of the books ${anchor.chain}, and these are ${block.chain}`)
  if (block.hash.toString('hex') !== anchor.hash || isoMicros(block.sealedAt) !== anchor.sealed_at) {
    return {
      table: 'ledger.seal',
      id: anchor.seq,
      column: 'hash',
      detail: `is not the one that line ${line.line} of the anchor file has: the chain was made anew from here or before`,
    }
  }
  return undefined
}
