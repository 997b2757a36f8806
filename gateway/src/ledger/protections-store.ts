/** What the database's catalogue says about who could change the books. Private to this folder. */
import type { LedgerPool } from './store.ts'

export interface CatalogueFacts {
  /** Who asks. */
  user: string
  isSuperuser: boolean
  /** Roles that own a table or the schema of the ledger. */
  owners: LedgerOwner[]
  /** Tables, months included, that the user may change without the functions, with what it may do. */
  writable: { table: string; rights: string[] }[]
  mayCreate: boolean
  /** Triggers that are off, or that a superuser's setting would switch off. */
  weakTriggers: string[]
  /** Functions of the ledger that anybody who can connect may call. */
  openFunctions: string[]
}

export interface LedgerOwner {
  role: string
  canLogIn: boolean
  isSuperuser: boolean
  /** The user is this role, or may become it. */
  isOurs: boolean
}

/** Reads the catalogue only, which every role may. */
export async function readCatalogue(pool: LedgerPool): Promise<CatalogueFacts> {
  const { rows } = await pool.query<CatalogueFacts>(`
    WITH ledger_table AS (
      SELECT oid, relname, relowner FROM pg_class
      WHERE relnamespace = 'ledger'::regnamespace AND relkind IN ('r', 'p')
    ), owner AS (
      SELECT relowner AS oid FROM ledger_table
      UNION
      SELECT nspowner FROM pg_namespace WHERE nspname = 'ledger'
      UNION
      SELECT proowner FROM pg_proc WHERE pronamespace = 'ledger'::regnamespace
    ), writable AS (
      SELECT t.relname AS table, array_agg(p.name ORDER BY p.ord) AS rights
      FROM ledger_table t
      CROSS JOIN (VALUES (1, 'INSERT'), (2, 'UPDATE'), (3, 'DELETE'), (4, 'TRUNCATE')) p (ord, name)
      WHERE has_table_privilege(t.oid, p.name)
        -- A right on some columns counts as well.
        OR p.name IN ('INSERT', 'UPDATE') AND has_any_column_privilege(t.oid, p.name)
      GROUP BY t.relname
    )
    SELECT current_user AS user,
      (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) AS "isSuperuser",
      (
        SELECT coalesce(json_agg(json_build_object(
          'role', r.rolname, 'canLogIn', r.rolcanlogin, 'isSuperuser', r.rolsuper,
          'isOurs', pg_has_role(r.oid, 'MEMBER')
        ) ORDER BY r.rolname), '[]')
        FROM owner o JOIN pg_roles r ON r.oid = o.oid
      ) AS owners,
      (SELECT coalesce(json_agg(w ORDER BY w.table), '[]') FROM writable w) AS writable,
      has_schema_privilege('ledger', 'CREATE') AS "mayCreate",
      ARRAY(
        SELECT format('%s of %s', g.tgname, t.relname)
        FROM pg_trigger g JOIN ledger_table t ON t.oid = g.tgrelid
        WHERE NOT g.tgisinternal AND g.tgenabled <> 'A' ORDER BY 1
      ) AS "weakTriggers",
      ARRAY(
        SELECT DISTINCT f.proname::text FROM pg_proc f
        CROSS JOIN LATERAL aclexplode(coalesce(f.proacl, acldefault('f', f.proowner))) a
        WHERE f.pronamespace = 'ledger'::regnamespace AND a.grantee = 0 AND a.privilege_type = 'EXECUTE' ORDER BY 1
      ) AS "openFunctions"`)
  return rows[0] as CatalogueFacts
}
