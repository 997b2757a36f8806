/** Sealed credentials as bytes: under which key they are, and exchanging them. Private to this folder. */
import type { Database } from '../platform/database.ts'

/** Stands for the key of bytes that nothing can open. */
export const DAMAGED = 'damaged'

/**
 * The id of the wrapping key, read from the bytes as platform/secrets.ts writes them. `escape` takes any byte, so that a
 * damaged row is counted under a strange name instead of failing the query.
 */
const KEY_ID = `
  CASE
    WHEN octet_length("sealedCredential") < 9 THEN '${DAMAGED}'
    WHEN get_byte("sealedCredential", 0) = 1 THEN encode(substring("sealedCredential" FROM 2 FOR 4), 'hex')
    WHEN get_byte("sealedCredential", 0) = 2
      THEN encode(substring("sealedCredential" FROM 8 FOR get_byte("sealedCredential", 6)), 'escape')
    ELSE '${DAMAGED}'
  END`

// A deleted listing has no credential, only empty bytes.
const SEALED = `octet_length("sealedCredential") > 0`

export interface SealedRow {
  id: string
  organisationId: string
  baseUrl: string
  sealedCredential: Buffer
}

/** How many credentials are sealed under each key id. */
export async function countByKey(database: Database): Promise<Map<string, number>> {
  const { rows } = await database.pool.query<{ keyId: string; count: number }>({
    name: 'credential_counts',
    text: `SELECT ${KEY_ID} AS "keyId", count(*)::int AS count FROM listing WHERE ${SEALED} GROUP BY 1 ORDER BY 1`,
  })
  return new Map(rows.map(({ keyId, count }) => [keyId, count]))
}

/** The next credentials, by listing id, that are sealed under one of `keyIds`. */
export async function sealedUnder(
  database: Database,
  { keyIds, afterId, limit }: { keyIds: readonly string[]; afterId: string; limit: number },
): Promise<SealedRow[]> {
  const { rows } = await database.pool.query<SealedRow>({
    name: 'credentials_under',
    text: `
      SELECT id, "organisationId", "baseUrl", "sealedCredential" FROM listing
       WHERE ${SEALED} AND id > $2 AND ${KEY_ID} = ANY($1::text[])
       ORDER BY id LIMIT $3`,
    values: [keyIds, afterId, limit],
  })
  return rows
}

/** Puts `to` where `from` still stands; false when the credential was changed meanwhile. `updatedAt` stays: the seller did nothing. */
export async function exchangeSealed(
  database: Database,
  { id, from, to }: { id: string; from: Buffer; to: Buffer },
): Promise<boolean> {
  const { rowCount } = await database.pool.query({
    name: 'credential_exchange',
    text: `UPDATE listing SET "sealedCredential" = $3 WHERE id = $1 AND "sealedCredential" = $2`,
    values: [id, from, to],
  })
  return rowCount === 1
}

/** Destroys what is sealed under `keyIds` and takes those listings off the market until their keys are entered anew. */
export async function giveUpSealed(database: Database, keyIds: readonly string[]): Promise<number> {
  const { rowCount } = await database.pool.query({
    name: 'credentials_given_up',
    text: `
      UPDATE listing
         SET "sealedCredential" = '', "credentialHint" = '', "updatedAt" = now(), "stateBy" = 'operator',
             state = CASE WHEN state = 'quarantined' THEN state ELSE 'disabled' END,
             "stateReason" = CASE WHEN state = 'quarantined' THEN "stateReason" ELSE 'credential_lost' END
       WHERE ${SEALED} AND ${KEY_ID} = ANY($1::text[])`,
    values: [keyIds],
  })
  return rowCount ?? 0
}
