/** Reads a block's rows from the books, page by page, and hashes them: the sealer's way and the auditor's. */
import { type BlockDigest, type BlockRange, createBlockDigest, type SealItem } from './seal-format.ts'
import { readBlockIds, readItems, type SealClient } from './seal-store.ts'

// Ids are looked up for a whole block of the usual size at once; rows, 5 KB of memory each, in smaller pages.
const PAGE_IDS = 20_000
const PAGE_ITEMS = 500
const FIRST_ID = '00000000-0000-0000-0000-000000000000'

/** The digest of what the books hold for this range; memory does not grow with the block but for 36 bytes per row. */
export async function digestBlock(
  client: SealClient,
  block: BlockRange,
  onItem: (item: SealItem) => void = () => undefined,
): Promise<BlockDigest> {
  const digest = createBlockDigest(block)
  let after = FIRST_ID
  for (;;) {
    const ids = await readBlockIds(client, block, { after, limit: PAGE_IDS })
    for (let at = 0; at < ids.length; at += PAGE_ITEMS) {
      for (const item of await readItems(client, ids.slice(at, at + PAGE_ITEMS))) {
        digest.add(item)
        onItem(item)
      }
    }
    const last = ids.at(-1)
    if (last === undefined || ids.length < PAGE_IDS) return digest.end()
    after = last
  }
}
