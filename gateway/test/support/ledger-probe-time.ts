/** Windows of budgets and months of tables, wherever the server thinks it stands. */
import assert from 'node:assert/strict'
import * as store from '../../src/ledger/store.ts'
import { uuidv7 } from '../../src/platform/ids.ts'
import { attempt, hold, type Lab, settle, undone } from './ledger-lab.ts'

const ZONES = ['UTC', 'Asia/Tokyo', 'America/Los_Angeles']

/** Days, weeks and months begin and end at midnight UTC. */
export async function windows(lab: Lab): Promise<void> {
  const cases: [period: string, at: string, start: string | null, end: string | null][] = [
    ['day', '2026-03-31T23:59:59Z', '2026-03-31T00:00:00Z', '2026-04-01T00:00:00Z'],
    ['day', '2026-03-29T00:00:00Z', '2026-03-29T00:00:00Z', '2026-03-30T00:00:00Z'],
    ['week', '2026-11-22T12:00:00Z', '2026-11-16T00:00:00Z', '2026-11-23T00:00:00Z'],
    ['week', '2026-11-23T00:00:00Z', '2026-11-23T00:00:00Z', '2026-11-30T00:00:00Z'],
    ['month', '2028-02-29T10:00:00Z', '2028-02-01T00:00:00Z', '2028-03-01T00:00:00Z'],
    ['month', '2026-12-31T20:00:00Z', '2026-12-01T00:00:00Z', '2027-01-01T00:00:00Z'],
    ['none', '2026-12-31T20:00:00Z', null, null],
  ]
  for (const zone of ZONES) {
    await undone(lab.admin, async () => {
      await lab.admin.query(`SET LOCAL timezone = '${zone}'`)
      for (const [period, at, start, end] of cases) {
        const { rows } = await lab.admin.query(
          'SELECT ledger.window_start($1, $2) AS start, ledger.window_end($1, $2) AS end',
          [period, at],
        )
        const date = (text: string | null) => (text === null ? null : new Date(text))
        assert.deepEqual(rows, [{ start: date(start), end: date(end) }], `${period} ${at} ${zone}`)
      }
    })
  }
  await budgets(lab)
}

/** A budget's window opens when the budget is next used, by whomever; a changed limit keeps what was counted. */
async function budgets(lab: Lab): Promise<void> {
  const { admin } = lab
  const payer = await lab.account('buyer_cash', 1_000n)
  const back = (id: string, days: number) =>
    admin.query(
      `UPDATE ledger.budget SET window_start = window_start - $2 * interval '1 day' WHERE id = $1`,
      [id, days],
    )
  const stored = async (id: string) => {
    const { rows } = await admin.query(
      `SELECT limit_nanos, period, spent, held, window_start = coalesce(ledger.window_start(period, now()), now()) AS fresh
       FROM ledger.budget WHERE id = $1`,
      [id],
    )
    return rows[0]
  }
  const spendings = async (id: string) => {
    const first = await hold(admin, payer, 30n, id)
    await settle(lab, admin, first.id, 30n)
    return hold(admin, payer, 20n, id)
  }
  const [used, ended, other] = [uuidv7(), uuidv7(), uuidv7()]
  await undone(admin, async () => {
    for (const id of [used, ended, other])
      await store.setBudget(admin, id, { limitNanos: 60n, period: 'day' })
    for (const id of [used, other]) await spendings(id)
    const running = await spendings(ended)
    for (const id of [used, ended, other]) await back(id, 1)
    await hold(admin, payer, 5n, used)
    assert.deepEqual(await stored(used), {
      limit_nanos: '60',
      period: 'day',
      spent: '0',
      held: '25',
      fresh: true,
    })
    await settle(lab, admin, running.id, 20n)
    assert.deepEqual(await stored(ended), {
      limit_nanos: '60',
      period: 'day',
      spent: '20',
      held: '0',
      fresh: true,
    })
    // Nobody asked for this one.
    assert.deepEqual(await stored(other), {
      limit_nanos: '60',
      period: 'day',
      spent: '30',
      held: '20',
      fresh: false,
    })
    await store.setBudget(admin, other, { limitNanos: 70n, period: 'day' })
    assert.deepEqual(await stored(other), {
      limit_nanos: '70',
      period: 'day',
      spent: '0',
      held: '20',
      fresh: true,
    })
    await store.setBudget(admin, ended, { limitNanos: 50n, period: 'month' })
    await store.setBudget(admin, ended, { limitNanos: 40n, period: 'day' })
    assert.deepEqual(await stored(ended), {
      limit_nanos: '40',
      period: 'day',
      spent: '20',
      held: '0',
      fresh: true,
    })
    await store.setBudget(admin, ended, null)
    assert.deepEqual(await stored(ended), {
      limit_nanos: null,
      period: 'none',
      spent: '20',
      held: '0',
      fresh: true,
    })
    await back(ended, 40)
    await store.setBudget(admin, ended, { limitNanos: 40n, period: 'week' })
    assert.deepEqual(await stored(ended), {
      limit_nanos: '40',
      period: 'week',
      spent: '0',
      held: '0',
      fresh: true,
    })
  })
}

/** The lowest id of a moment, and the first moment of its month. */
async function bounds(lab: Lab): Promise<void> {
  const ms = Date.parse('2026-11-22T10:11:12.345Z')
  for (const zone of ZONES) {
    await undone(lab.admin, async () => {
      await lab.admin.query(`SET LOCAL timezone = '${zone}'`)
      const { rows } = await lab.admin.query(
        `SELECT ledger.uuid_floor($1) AS floor, ledger.uuid_floor('1970-01-01 00:00:00.001+00') AS first,
           ledger.month_start($1) AS month, ledger.month_start('2027-01-01 00:00+00') AS january`,
        [new Date(ms)],
      )
      const hex = ms.toString(16).padStart(12, '0')
      assert.deepEqual(rows, [
        {
          floor: `${hex.slice(0, 8)}-${hex.slice(8)}-0000-0000-000000000000`,
          first: '00000000-0001-0000-0000-000000000000',
          month: new Date('2026-11-01T00:00:00Z'),
          january: new Date('2027-01-01T00:00:00Z'),
        },
      ])
    })
  }
}

/** Months are made once, meet without a gap, begin at midnight UTC, and are guarded like the first. */
export async function months(lab: Lab): Promise<void> {
  await bounds(lab)
  const { admin } = lab
  for (const count of [0, 25, -1])
    assert.equal(await attempt(admin, () => store.ensurePartitions(admin, count)), '22023')
  const tables = ['journal', 'entry', 'usage_record']
  const parts = async (table: string) => {
    const { rows } = await admin.query<{ name: string; bound: string }>(
      `SELECT relname AS name, pg_get_expr(relpartbound, oid) AS bound FROM pg_class WHERE oid IN
         (SELECT inhrelid FROM pg_inherits WHERE inhparent = $1::regclass) ORDER BY relname`,
      [`ledger.${table}`],
    )
    return rows.map(({ name, bound }) => ({
      name,
      bound: /FROM \('(.*)'\) TO \('(.*)'\)/.exec(bound)?.slice(1) ?? [],
    }))
  }
  const all = async () => {
    const found: Awaited<ReturnType<typeof parts>>[] = []
    for (const table of tables) found.push(await parts(table))
    return found
  }
  for (const zone of ZONES) {
    await undone(admin, async () => {
      await admin.query(`SET LOCAL timezone = '${zone}'`)
      const before = await all()
      const made = await store.ensurePartitions(admin, 24)
      const after = await all()
      assert(made >= after.flat().length - before.flat().length)
      assert.equal(await store.ensurePartitions(admin, 24), 0)
      for (const months of after) assertMonths(months)
      const { rows } = await admin.query('SELECT * FROM ledger.missing_triggers()')
      assert.deepEqual(rows, [])
      const last = after[1]?.at(-1)
      const journal = `${last?.bound[0]?.slice(0, -12)}00000000beef`
      const unbalanced = `INSERT INTO ledger.${last?.name} (journal_id, seq, account_id, amount) VALUES ('${journal}', 1, 1, 5)`
      await assert.rejects(admin.query(unbalanced), { code: '23001' })
    })
  }
}

/** The last one, this one and 24 to come, each beginning where the one before ends. */
function assertMonths(months: { name: string; bound: string[] }[]): void {
  const now = new Date()
  const expected = Array.from({ length: 26 }, (_, index) => {
    const at = (offset: number) =>
      new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth() - 1 + index + offset, 1))
    const floor = (date: Date) => {
      const hex = date.getTime().toString(16).padStart(12, '0')
      return `${hex.slice(0, 8)}-${hex.slice(8)}-0000-0000-000000000000`
    }
    return { suffix: at(0).toISOString().slice(0, 7).replace('-', '_'), bound: [floor(at(0)), floor(at(1))] }
  })
  assert.deepEqual(
    months.map(({ name, bound }) => ({ suffix: name.slice(-7), bound })),
    expected,
  )
}
