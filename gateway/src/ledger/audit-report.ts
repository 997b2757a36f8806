/** What an audit found, for people and for programs. */

/** A row that is wrong, as exactly as can be told. */
export interface Finding {
  table?: string
  id?: string
  column?: string
  detail: string
}

export interface Check {
  id: string
  title: string
  /** `unproved`: nothing speaks against it, but it could not be shown either. */
  status: 'ok' | 'failed' | 'unproved'
  figures: string
  findings: Finding[]
  /** Findings beyond the first ones. */
  more: number
}

export interface AuditReport {
  /** Nothing contradicts the books. What that does not say is in `notProved`. */
  proved: boolean
  checks: Check[]
  notProved: string[]
}

/** Gathers the findings of one check; keeps the first 20 and counts the rest. */
export interface FindingList {
  add(finding: Finding): void
  check(check: { id: string; title: string; figures: string; unproved?: boolean }): Check
}

const FINDINGS_KEPT = 20

export function createFindings(): FindingList {
  const findings: Finding[] = []
  let more = 0
  return {
    add(finding) {
      if (findings.length < FINDINGS_KEPT) findings.push(finding)
      else more += 1
    },
    check({ unproved = false, ...check }) {
      const status = findings.length > 0 ? 'failed' : unproved ? 'unproved' : 'ok'
      return { ...check, status, findings, more }
    },
  }
}

const MARKS = { ok: '✓', failed: '✗', unproved: '–' } as const

/** One line per check with its figures, what is wrong under it, and what the audit cannot prove. */
export function reportText({ checks, notProved, proved }: AuditReport): string {
  const lines = checks.flatMap(({ status, title, figures, findings, more }) => [
    `${MARKS[status]} ${title}${figures === '' ? '' : ` · ${figures}`}`,
    ...findings.map((finding) => `    ${findingText(finding)}`),
    ...(more > 0 ? [`    and ${more} more`] : []),
  ])
  const failed = checks.filter(({ status }) => status === 'failed').length
  return [
    ...lines,
    '',
    'Not proved:',
    ...notProved.map((each) => `  – ${each}`),
    '',
    proved
      ? 'The books are in order.'
      : `The books are NOT in order: ${failed} of ${checks.length} checks failed. Keep the database as it is, and compare it with a backup.`,
    '',
  ].join('\n')
}

function findingText({ table, id, column, detail }: Finding): string {
  const where = [table, id].filter((part) => part !== undefined).join(' ')
  return `${where}${column === undefined ? '' : `, column ${column}`}${where === '' ? '' : ': '}${detail}`
}
