/** Whether the blocks and what is still to be sealed are all there is. */
import { type Check, createFindings } from './audit-report.ts'
import { readCoverage, readMisplaced } from './audit-store.ts'
import type { SealClient } from './seal-store.ts'

export async function checkCoverage(client: SealClient): Promise<{ check: Check; notProved: string[] }> {
  const findings = createFindings()
  for (const { table, id, column } of await readMisplaced(client)) {
    findings.add({
      table: `ledger.${table}`,
      id,
      column,
      detail: 'says that it is of a cluster or of a transaction that there was not',
    })
  }
  const found = await readCoverage(client)
  const journals = BigInt(found.journals) - BigInt(found.unsealedJournals)
  const free = BigInt(found.freeRequests) - BigInt(found.unsealedFreeRequests)
  if (journals !== BigInt(found.sealedJournals)) {
    findings.add({
      table: 'ledger.journal',
      detail: `${journals} are older than the last block, and the blocks have ${found.sealedJournals}`,
    })
  }
  if (free !== BigInt(found.sealedFreeRequests)) {
    findings.add({
      table: 'ledger.usage_record',
      detail: `${free} free requests are older than the last block, and the blocks have ${found.sealedFreeRequests}`,
    })
  }
  const unsealed = BigInt(found.unsealedJournals) + BigInt(found.unsealedFreeRequests)
  return {
    check: findings.check({
      id: 'seal.coverage',
      title: 'every journal is in one block or younger than the last',
      figures: `${found.sealedJournals} of ${found.journals} journals are sealed`,
    }),
    notProved: unsealed === 0n ? [] : [unsealedText(found)],
  }
}

function unsealedText(found: {
  unsealedJournals: string
  unsealedFreeRequests: string
  oldestUnsealedSeconds: number | null
}): string {
  const age = Math.ceil(found.oldestUnsealedSeconds ?? 0)
  return `${found.unsealedJournals} journals and ${found.unsealedFreeRequests} free requests are not sealed yet, the oldest for ${age} s: a change to them shows only where it breaks an invariant or a receipt.`
}
