/**
 * Which rows of a block are not as they were sealed: compares the checksum of each with the one kept beside the block.
 * That one is a hint for the reader; what proves that something was changed is the block's hash.
 */
import { crc32 } from 'node:zlib'
import type { Finding } from './audit-report.ts'
import { readPresent } from './audit-store.ts'
import { digestBlock } from './seal-block.ts'
import { type BlockRange, LOCATOR_BYTES, locatorParts, type SealItem } from './seal-format.ts'
import { readItems, type SealClient } from './seal-store.ts'

type Part = (typeof locatorParts)[number]

/** One item that is not as it was sealed; `wasJournal` as opposed to a request that cost nothing. */
type Difference =
  | { kind: 'missing'; id: string; wasJournal: boolean }
  | { kind: 'added'; id: string }
  | { kind: 'changed'; id: string; parts: Part[] }

const DIFFERENCES = 50
// What stands for a journal that there is not.
const NO_JOURNAL = crc32('J-\n')

/** Names the rows that differ between what was kept at sealing and what the books hold now, the first 50. */
export async function blameRows(
  client: SealClient,
  block: BlockRange,
  { kept, found }: { kept: Buffer; found: Buffer },
): Promise<Finding[]> {
  if (kept.equals(found)) return []
  const differences = compare(kept, found)
  const changed = differences.flatMap((each) => (each.kind === 'changed' ? [each] : []))
  const items = new Map(
    (await readItems(client, [...new Set(differences.map(({ id }) => id))])).map((item) => [item.id, item]),
  )
  const findings: Finding[] = []
  for (const each of differences) {
    const item = items.get(each.id)
    if (each.kind === 'missing') findings.push(await missing(client, block, each))
    else if (item)
      findings.push(...(each.kind === 'added' ? [added(block, item)] : altered(block, each, item)))
  }
  // An entry that points elsewhere changes both; the account itself is to blame where only it differs.
  const byAccount = changed.filter(({ parts }) => parts.includes('account') && !parts.includes('entry'))
  findings.push(
    ...(await blameAccounts(
      client,
      block,
      byAccount.flatMap(({ id }) => items.get(id) ?? []),
    )),
  )
  return findings
}

/** Both lists are in the order of their ids. */
function compare(kept: Buffer, found: Buffer): Difference[] {
  const differences: Difference[] = []
  let [left, right] = [0, 0]
  while ((left < kept.length || right < found.length) && differences.length < DIFFERENCES) {
    const [before, now] = [locatorAt(kept, left), locatorAt(found, right)]
    const order = !before ? 1 : !now ? -1 : before.compare(now, 0, 16, 0, 16)
    if (order <= 0) left += LOCATOR_BYTES
    if (order >= 0) right += LOCATOR_BYTES
    if (order < 0 && before) {
      differences.push({
        kind: 'missing',
        id: idOf(before),
        wasJournal: before.readUInt32BE(16) !== NO_JOURNAL,
      })
    } else if (order > 0 && now) {
      differences.push({ kind: 'added', id: idOf(now) })
    } else if (before && now && !before.equals(now)) {
      differences.push({ kind: 'changed', id: idOf(now), parts: differingParts(before, now) })
    }
  }
  return differences
}

function locatorAt(list: Buffer, at: number): Buffer | undefined {
  return at + LOCATOR_BYTES <= list.length ? list.subarray(at, at + LOCATOR_BYTES) : undefined
}

function idOf(locator: Buffer): string {
  const hex = locator.toString('hex', 0, 16)
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-')
}

function differingParts(before: Buffer, now: Buffer): Part[] {
  return locatorParts.filter(
    (_, index) => before.readUInt32BE(16 + 4 * index) !== now.readUInt32BE(16 + 4 * index),
  )
}

async function missing(
  client: SealClient,
  { seq }: BlockRange,
  { id, wasJournal }: { id: string; wasJournal: boolean },
): Promise<Finding> {
  const tables = wasJournal ? (['journal', 'usage_record'] as const) : (['usage_record'] as const)
  for (const table of tables) {
    if (await readPresent(client, table, id)) {
      return {
        table: `ledger.${table}`,
        id,
        column: 'xid or epoch',
        detail: `was sealed in block ${seq} and says that it belongs elsewhere`,
      }
    }
  }
  return { table: `ledger.${tables[0]}`, id, detail: `was sealed in block ${seq} and is gone` }
}

function added({ seq }: BlockRange, { id, journal }: SealItem): Finding {
  const table = journal ? 'ledger.journal' : 'ledger.usage_record'
  return { table, id, detail: `came into block ${seq} after it was sealed` }
}

function altered(
  { seq }: BlockRange,
  { id, parts }: { id: string; parts: Part[] },
  item: SealItem,
): Finding[] {
  const absent: Record<Part, boolean> = {
    journal: item.journal === null,
    entry: item.entries.length === 0,
    account: false,
    usage_record: item.usageRecord === null,
    journal_source: item.sources.length === 0,
  }
  return parts
    .filter((part) => part !== 'account')
    .map((part) => ({
      table: `ledger.${part}`,
      id,
      detail: absent[part]
        ? `was sealed in block ${seq} and is gone, or goes by another name`
        : `is not as it was sealed in block ${seq}`,
    }))
}

/** The accounts that all of these journals have in common and no journal has whose accounts are as they were. */
async function blameAccounts(client: SealClient, block: BlockRange, wrong: SealItem[]): Promise<Finding[]> {
  const [first, ...others] = wrong
  if (!first) return []
  const accountsOf = ({ entries }: SealItem) => new Set(entries.map(({ accountId }) => accountId))
  let suspects = [...accountsOf(first)].filter((id) => others.every((item) => accountsOf(item).has(id)))
  const wrongIds = new Set(wrong.map(({ id }) => id))
  await digestBlock(client, block, (item) => {
    if (wrongIds.has(item.id)) return
    const cleared = accountsOf(item)
    if (suspects.some((id) => !cleared.has(id))) suspects = suspects.filter((id) => !cleared.has(id))
  })
  return suspects.map((id) => ({
    table: 'ledger.account',
    id,
    detail: `${suspects.length > 1 ? 'or another one named here ' : ''}is not as it was sealed in block ${block.seq}`,
  }))
}
