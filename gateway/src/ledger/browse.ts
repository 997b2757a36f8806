/** Looking through the books: what a search means, and where a journal came from. Pure but for what it is given. */
import { formatId, parseId } from '../platform/ids.ts'
import { accountKey, chart } from './accounts.ts'
import type { JournalRow } from './browse-store.ts'
import { requestOf } from './describe-journal.ts'

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/
// More owners than that is no search.
export const OWNERS_MAX = 50

/** What a text asks for: kinds of accounts, an owner by id, or owners by name. */
export type AccountSearch =
  | { codes: readonly string[] }
  | { owner: string }
  | { code: string; owner: string }
  | { ownersNamed: string }

/** `buyer_cash`, `1010`, `org-…`, `buyer_cash:<owner>`, or a part of an organisation's name. */
export function readAccountSearch(text: string): AccountSearch {
  const asked = text.trim()
  const [head = '', tail] = asked.split(':')
  if (tail !== undefined && head in chart) return { code: head, owner: ownerOf(tail) ?? tail }
  const owner = ownerOf(asked)
  if (owner !== undefined) return { owner }
  const word = asked.toLowerCase().replaceAll(' ', '_')
  const codes = Object.entries(chart).filter(
    ([code, { number }]) => code.includes(word) || String(number) === word,
  )
  return codes.length > 0 ? { codes: codes.map(([code]) => code) } : { ownersNamed: asked }
}

function ownerOf(text: string): string | undefined {
  return parseId('org-', text) ?? (UUID.test(text) ? text : undefined)
}

/** `org-…` for an organisation, as it stands for any other owner. */
export function showOwner({ owner, ownerName }: { owner: string | null; ownerName: string | null }) {
  if (owner === null) return null
  return { id: ownerName === null ? owner : formatId('org-', owner), name: ownerName }
}

/** Whether a text can be the key of an account. */
export function isAccountKey(key: string): boolean {
  // The database takes no NUL in a text.
  if (key.includes('\0')) return false
  const [code = '', owner] = key.split(':')
  return (
    code in chart && accountKey({ code: code as keyof typeof chart, ...(owner ? { owner } : {}) }) === key
  )
}

export type JournalOrigin =
  | { kind: 'request' | 'payout' | 'case' | 'journal'; id: string }
  | { kind: 'outside'; id: string }

/** The thing of ours that a journal was booked for, with the id by which the console finds it. */
export function originOf(
  journal: Pick<JournalRow, 'id' | 'code' | 'source' | 'sourceId' | 'memo'>,
): JournalOrigin {
  const requestId = requestOf({ ...journal, journalId: journal.id })
  if (requestId !== undefined) return { kind: 'request', id: requestId }
  const [head = ''] = (journal.sourceId ?? '').split(':')
  if (UUID.test(head)) {
    if (journal.source === 'payout') return { kind: 'payout', id: formatId('pay-', head) }
    if (journal.source === 'trust') return { kind: 'case', id: formatId('cas-', head) }
    if (journal.source === 'reversal') return { kind: 'journal', id: formatId('jrn-', head) }
  }
  return { kind: 'outside', id: journal.sourceId ?? '' }
}
