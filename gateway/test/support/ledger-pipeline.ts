/**
 * Sends everything that a history asks of the database in one message. The store's functions are called as they are,
 * with a pool that writes their statements down; each gets its own rows when the answer comes.
 */
import type { LedgerPool } from '../../src/ledger/store.ts'
import { type DatabaseClient, escapeLiteral } from '../../src/platform/database.ts'

export interface Pipeline {
  pool: LedgerPool
  /** Puts SQL without an answer of interest in the line. */
  say(sql: string): void
  /** Sends the line. Rejects with the server's error, and so does every statement in it. */
  send(): Promise<void>
}

interface Asked {
  sql: string
  resolve(result: { rows: Row[] }): void
  reject(error: unknown): void
}

type Row = Record<string, unknown>

/** A refused journal must not end the transaction: what `ledger.post` throws comes back as a row. */
export const TRY_POST = `
CREATE FUNCTION pg_temp.try_post(uuid, text, text, text, bigint[], bigint[], text, uuid, boolean)
RETURNS TABLE (journal_id uuid, fresh boolean, state text, fault text, violated text) LANGUAGE plpgsql AS $$
BEGIN
  RETURN QUERY SELECT p.journal_id, p.fresh, NULL, NULL, NULL FROM ledger.post($1, $2, $3, $4, $5, $6, $7, $8, $9) p;
EXCEPTION WHEN OTHERS THEN
  GET STACKED DIAGNOSTICS violated = CONSTRAINT_NAME;
  state := SQLSTATE;
  fault := SQLERRM;
  RETURN NEXT;
END
$$`

export function createPipeline(client: DatabaseClient): Pipeline {
  let line: Asked[] = []
  const ask = (sql: string) =>
    new Promise<{ rows: Row[] }>((resolve, reject) => {
      line.push({ sql, resolve, reject })
    })
  const query = async (
    config: string | { name?: string; text: string; values?: unknown[] },
    more?: unknown[],
  ) => {
    const { name, text, values } =
      typeof config === 'string' ? { name: undefined, text: config, values: more } : config
    const tried = name === 'ledger-post' ? text.replace('ledger.post(', 'pg_temp.try_post(') : text
    const result = await ask(filled(tried, values ?? []))
    const [row] = result.rows
    if (name === 'ledger-post' && row?.state) {
      throw Object.assign(new Error(String(row.fault)), {
        code: row.state,
        constraint: row.violated,
        severity: 'ERROR',
      })
    }
    return result
  }
  return {
    pool: { query } as unknown as LedgerPool,
    say: (sql) => void ask(sql).catch(() => undefined),
    async send() {
      const sent = line
      line = []
      try {
        const answer = await client.query(sent.map(({ sql }) => sql).join(';\n'))
        // One statement gives a result, several give a list.
        const results = (sent.length === 1 ? [answer] : answer) as unknown as { rows: Row[] }[]
        for (const [index, { resolve }] of sent.entries()) resolve(results[index] as { rows: Row[] })
      } catch (error) {
        for (const { reject } of sent) reject(error)
        throw error
      }
    },
  }
}

/** The statement with its values written in. */
function filled(text: string, values: readonly unknown[]): string {
  return text.replace(/\$(\d+)/g, (_, position) => literal(values[Number(position) - 1]))
}

function literal(value: unknown): string {
  if (value === null || value === undefined) return 'NULL'
  if (Array.isArray(value)) return escapeLiteral(`{${value.map(element).join()}}`)
  return escapeLiteral(String(value))
}

function element(value: unknown): string {
  return value === null ? 'NULL' : `"${String(value).replace(/["\\]/g, '\\$&')}"`
}
