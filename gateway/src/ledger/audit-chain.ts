/** Follows the seal's chain from block to block, hashes each block's rows again, and names the first row that differs. */
import { blameRows } from './audit-blame.ts'
import { type Check, createFindings, type FindingList } from './audit-report.ts'
import { type Epochs, readEpochs } from './audit-store.ts'
import { digestBlock } from './seal-block.ts'
import { type BlockDigest, SEAL_FORMAT } from './seal-format.ts'
import { readLocators, readSeals, type SealClient, type SealRow } from './seal-store.ts'

const SEALS_PAGE = 200
const NO_HASH = Buffer.alloc(32)

export interface ChainOptions {
  client: SealClient
  /** Where to begin; the block before it is taken on trust. */
  fromSeal: bigint
  onProgress: (text: string) => void
}

export async function checkChain({ client, fromSeal, onProgress }: ChainOptions): Promise<Check> {
  const findings = createFindings()
  const epochs = await readEpochs(client)
  const counts = { blocks: 0n, journals: 0n, freeRequests: 0n }
  let previous = await blockBefore(client, fromSeal)
  if (fromSeal > 1n && !previous) throw new Error(`The chain has no block ${fromSeal - 1n} to begin behind.`)
  for (;;) {
    const after = previous?.seq ?? String(fromSeal - 1n)
    const page = await readSeals(client, { after, limit: SEALS_PAGE })
    for (const [index, seal] of page.entries()) {
      checkLinks(seal, previous, epochs, findings)
      const digest = await checkBlock({ client, seal, previous, next: page[index + 1], findings })
      counts.blocks += 1n
      counts.journals += BigInt(digest.journals)
      counts.freeRequests += BigInt(digest.freeRequests)
      previous = seal
      onProgress(`block ${seal.seq}: ${counts.journals} journals`)
    }
    if (page.length < SEALS_PAGE) break
  }
  return findings.check({
    id: 'seal.chain',
    title: 'the seal follows from what was booked',
    figures: `${counts.blocks} blocks, ${counts.journals} journals, ${counts.freeRequests} free requests`,
    unproved: counts.blocks === 0n,
  })
}

async function blockBefore(client: SealClient, fromSeal: bigint): Promise<SealRow | undefined> {
  if (fromSeal <= 1n) return undefined
  const [before] = await readSeals(client, { after: String(fromSeal - 2n), limit: 1 })
  return before && BigInt(before.seq) === fromSeal - 1n ? before : undefined
}

/** Whether the block is of these books and begins where the one before it ended. */
function checkLinks(
  seal: SealRow,
  previous: SealRow | undefined,
  epochs: Epochs | undefined,
  findings: FindingList,
): void {
  const wrong = (column: string, detail: string) =>
    findings.add({ table: 'ledger.seal', id: seal.seq, column, detail })
  const expected = previous === undefined ? 1n : BigInt(previous.seq) + 1n
  if (BigInt(seal.seq) !== expected) wrong('seq', `block ${expected} is missing before it`)
  if (seal.chain !== epochs?.chain || epochs.chains !== 1) wrong('chain', 'is of another chain')
  if (seal.format !== SEAL_FORMAT) {
    wrong('format', `is of format ${seal.format}, and this release knows ${SEAL_FORMAT}`)
  }
  if (!seal.prevHash.equals(previous?.hash ?? NO_HASH)) {
    wrong('prev_hash', `is not the hash of block ${expected - 1n}`)
  }
  const from = previous ?? { epoch: 1, toXid: '0' }
  const goesOn = seal.epoch === from.epoch && seal.fromXid === from.toXid
  const begins = seal.epoch > from.epoch && seal.epoch <= (epochs?.last ?? 0) && seal.fromXid === '0'
  if (!goesOn && !begins) {
    wrong('from_xid', 'does not begin where the block before it ended (epoch, from_xid or its to_xid)')
  }
}

/** Hashes the block again; where the hash differs, names the rows, or the column of the block itself. */
async function checkBlock({
  client,
  seal,
  previous,
  next,
  findings,
}: {
  client: SealClient
  seal: SealRow
  previous: SealRow | undefined
  next: SealRow | undefined
  findings: FindingList
}): Promise<BlockDigest> {
  const told = (column: string, detail: string) =>
    findings.add({ table: 'ledger.seal', id: seal.seq, column, detail })
  const kept = await readLocators(client, seal)
  const digest = await digestBlock(client, seal)
  const { journals, freeRequests, sumDebits, locators: found } = digest
  if (!digest.hash.equals(seal.hash)) {
    const rows = await blameRows(client, seal, { kept, found })
    for (const row of rows) findings.add(row)
    if (kept.equals(found)) await blameSeal({ client, seal, previous, next, digest, told })
    else if (rows.length === 0)
      told('hash', 'is not that of its rows, and which of them differs cannot be told')
    return digest
  }
  if (!kept.equals(found)) told('locators', 'was changed: the rows have the hash of the block')
  if (String(journals) !== seal.journals) told('journals', `says ${seal.journals}, there are ${journals}`)
  if (String(freeRequests) !== seal.freeRequests) {
    told('free_requests', `says ${seal.freeRequests}, there are ${freeRequests}`)
  }
  if (String(sumDebits) !== seal.sumDebits) {
    told('sum_debits', `says ${seal.sumDebits}, they are ${sumDebits}`)
  }
  return digest
}

/** The rows are as they were, so something in the block's own row is not: which column can be tried out. */
async function blameSeal({
  client,
  seal,
  previous,
  next,
  digest,
  told,
}: {
  client: SealClient
  seal: SealRow
  previous: SealRow | undefined
  next: SealRow | undefined
  digest: BlockDigest
  told: (column: string, detail: string) => void
}): Promise<void> {
  if (next?.prevHash.equals(digest.hash)) {
    told('hash', 'was changed: the next block was made on another one')
    return
  }
  const linked = await digestBlock(client, { ...seal, prevHash: previous?.hash ?? NO_HASH })
  if (linked.hash.equals(seal.hash)) return
  told(
    'hash, sealed_at, epoch, from_xid or to_xid',
    'was changed: the rows of the block are as they were sealed, and its hash is another',
  )
}
