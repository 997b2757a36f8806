/** What somebody with every right could do to the books: guards off, a change, guards on again; undone afterwards. */
import type { DatabaseClient } from '../../src/platform/database.ts'

export interface Column {
  table: string
  column: string
  type: string
}

/** Every column of these tables, as the database has them. */
export async function columnsOf(admin: DatabaseClient, tables: readonly string[]): Promise<Column[]> {
  const { rows } = await admin.query<Column>(
    `SELECT t.name AS table, a.attname::text AS column, format_type(a.atttypid, NULL) AS type
     FROM unnest($1::text[]) t (name)
     JOIN pg_attribute a ON a.attrelid = ('ledger.' || t.name)::regclass AND a.attnum > 0 AND NOT a.attisdropped
     ORDER BY t.name, a.attnum`,
    [tables],
  )
  return rows
}

/** SQL for another value than the column has, as near to it as can be. */
export function flipped({ column, type }: Column): string {
  switch (type) {
    case 'text':
      return `coalesce(${column}, '') || 'x'`
    case 'uuid':
      return `coalesce((left(${column}::text, 35) || translate(right(${column}::text, 1), '0123456789abcdef', '123456789abcdef0'))::uuid, gen_random_uuid())`
    case 'bigint':
    case 'integer':
    case 'smallint':
    case 'numeric':
      // Far enough not to meet another row's number.
      return `coalesce(${column}, 0) + 1000`
    case 'double precision':
      return `${column} + 0.0000001`
    case 'boolean':
      return `NOT ${column}`
    case 'timestamp with time zone':
      return `coalesce(${column}, now()) + interval '1 microsecond'`
    case 'jsonb':
      return `jsonb_set(${column}, '{multiplierPpm}', '"1000001"')`
    case 'bytea':
      return `set_byte(${column}, octet_length(${column}) - 1, get_byte(${column}, octet_length(${column}) - 1) # 1)`
    case 'xid8':
      return `(${column}::text::bigint + 1)::text::xid8`
    default:
      throw new Error(`no other value is known for ${type}`)
  }
}

/** Runs `sql` with the guards of these tables taken away and put back, looks with `look`, and undoes all of it. */
export async function tampered<Seen>(
  admin: DatabaseClient,
  tables: readonly string[],
  sql: string,
  look: () => Promise<Seen>,
): Promise<Seen> {
  await admin.query('BEGIN')
  try {
    await withoutGuards(admin, tables, sql)
    return await look()
  } finally {
    await admin.query('ROLLBACK')
  }
}

/** As `tampered`, and leaves it like that. */
export async function withoutGuards(
  admin: DatabaseClient,
  tables: readonly string[],
  sql: string,
): Promise<void> {
  const guards = await guardsOf(admin, tables)
  for (const { name } of guards.tables) await admin.query(`ALTER TABLE ${name} DISABLE TRIGGER ALL`)
  for (const { command } of guards.drops) await admin.query(command)
  await admin.query(sql)
  for (const { name } of guards.tables) await admin.query(`ALTER TABLE ${name} ENABLE TRIGGER ALL`)
  for (const { command } of guards.triggers) await admin.query(command)
}

async function guardsOf(admin: DatabaseClient, tables: readonly string[]) {
  const named = [tables.map((table) => `ledger.${table}`)]
  const tree = `SELECT p.relid FROM unnest($1::text[]) t (name) CROSS JOIN LATERAL pg_partition_tree(t.name::regclass) p
    UNION SELECT name::regclass FROM unnest($1::text[]) t (name)`
  const { rows: all } = await admin.query<{ name: string }>(
    `SELECT relid::text AS name FROM (${tree}) t`,
    named,
  )
  const { rows: drops } = await admin.query<{ command: string }>(
    `SELECT format('ALTER TABLE %s DROP CONSTRAINT IF EXISTS %I CASCADE', conrelid::regclass, conname) AS command
     FROM pg_constraint
     WHERE contype IN ('c', 'f') AND conparentid = 0 AND coninhcount = 0
       AND (conrelid IN (SELECT relid FROM (${tree}) t) OR confrelid IN (SELECT relid FROM (${tree}) t))
     UNION ALL
     SELECT format('ALTER TABLE %s ALTER COLUMN %I DROP IDENTITY', attrelid::regclass, attname)
     FROM pg_attribute WHERE attidentity <> '' AND attrelid IN (SELECT relid FROM (${tree}) t)`,
    named,
  )
  const { rows: triggers } = await admin.query<{ command: string }>(
    `SELECT format('ALTER TABLE %s ENABLE ALWAYS TRIGGER %I', tgrelid::regclass, tgname) AS command
     FROM pg_trigger WHERE NOT tgisinternal AND tgenabled = 'A' AND tgrelid IN (SELECT relid FROM (${tree}) t)`,
    named,
  )
  return { tables: all, drops, triggers }
}
