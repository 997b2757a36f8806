/**
 * The rivals that are written by hand: plain tables with the same columns that matter, one transaction per phase,
 * prepared statements, a connection for each worker. They do less than our ledger: no usage record, no budgets, no
 * guards, no repetition that gets its first answer, and no check that a journal balances.
 */
import { connectClient, type DatabaseClient } from '../gateway/src/platform/database.ts'
import { amounts, type Books, BUYERS, FEE_STRIPES, type Order, SELLERS } from './ledger-bench-load.ts'

export interface PlainBooks {
  /** A round trip for every statement, as one writes it in an application. */
  statements: Books
  /** A round trip per phase: the same statements in two functions in the database. */
  functions: Books
  /** True when money held, paid and received adds up. */
  adds(): Promise<boolean>
  close(): Promise<void>
}

// The same room on the page and the same vacuum as ours.
const STORAGE = 'autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 1000'
const SCHEMA = `
  CREATE SCHEMA plain;
  CREATE TABLE plain.account (
    id bigint PRIMARY KEY, balance bigint NOT NULL, held bigint NOT NULL DEFAULT 0, CHECK (balance >= held)
  ) WITH (fillfactor = 50, ${STORAGE});
  CREATE TABLE plain.hold (
    id uuid PRIMARY KEY, account_id bigint NOT NULL, amount bigint NOT NULL, state text NOT NULL, settled bigint,
    created_at timestamptz NOT NULL DEFAULT now()
  ) WITH (fillfactor = 70, ${STORAGE});
  CREATE TABLE plain.journal (id uuid PRIMARY KEY, code text NOT NULL, created_at timestamptz NOT NULL DEFAULT now());
  CREATE TABLE plain.entry (
    journal_id uuid NOT NULL, seq smallint NOT NULL, account_id bigint NOT NULL, amount bigint NOT NULL,
    PRIMARY KEY (journal_id, seq)
  );
  CREATE INDEX ON plain.entry (account_id, journal_id);
  INSERT INTO plain.account (id, balance)
  SELECT id, CASE WHEN id < ${BUYERS} THEN ${amounts.credit} ELSE 0 END
  FROM generate_series(0, ${BUYERS + SELLERS + FEE_STRIPES - 1}) id;

  CREATE FUNCTION plain.place(p_id uuid, p_account bigint, p_amount bigint) RETURNS void LANGUAGE plpgsql AS $$
  BEGIN
    PERFORM FROM plain.account WHERE id = p_account AND balance - held >= p_amount FOR UPDATE;
    IF NOT FOUND THEN RAISE EXCEPTION 'no money'; END IF;
    INSERT INTO plain.hold (id, account_id, amount, state) VALUES (p_id, p_account, p_amount, 'open');
    UPDATE plain.account SET held = held + p_amount WHERE id = p_account;
  END $$;

  CREATE FUNCTION plain.settle(
    p_id uuid, p_buyer bigint, p_seller bigint, p_fee bigint, p_amount bigint, p_cost bigint, p_earned bigint, p_kept bigint
  ) RETURNS void LANGUAGE plpgsql AS $$
  BEGIN
    UPDATE plain.hold SET state = 'settled', settled = p_cost WHERE id = p_id AND state = 'open';
    IF NOT FOUND THEN RAISE EXCEPTION 'no open hold'; END IF;
    INSERT INTO plain.journal (id, code) VALUES (p_id, 'request_settled');
    INSERT INTO plain.entry (journal_id, seq, account_id, amount)
    VALUES (p_id, 1, p_buyer, p_cost), (p_id, 2, p_seller, -p_earned), (p_id, 3, p_fee, -p_kept);
    UPDATE plain.account SET balance = balance - p_cost, held = held - p_amount WHERE id = p_buyer;
    UPDATE plain.account SET balance = balance + p_earned WHERE id = p_seller;
    UPDATE plain.account SET balance = balance + p_kept WHERE id = p_fee;
  END $$;`

export const sellerId = ({ seller }: Order) => BUYERS + seller
export const feeId = ({ stripe }: Order) => BUYERS + SELLERS + stripe

/** Makes the schema and opens `connections`, of which a load uses the first so many. */
export async function openPlainBooks(url: string, connections: number): Promise<PlainBooks> {
  const clients = await Promise.all(Array.from({ length: connections }, () => connectClient(url, 'plain')))
  const first = clients[0] as DatabaseClient
  await first.query(SCHEMA)
  const of = (worker: number) => clients[worker] as DatabaseClient
  return {
    statements: {
      hold: (order, worker) => inTransaction(of(worker), (client) => holdByStatements(client, order)),
      settle: (order, worker) => inTransaction(of(worker), (client) => settleByStatements(client, order)),
    },
    functions: {
      hold: (order, worker) => holdByFunction(of(worker), order),
      settle: (order, worker) => settleByFunction(of(worker), order),
    },
    async adds() {
      const { rows } = await first.query<{ adds: boolean }>(
        `SELECT sum(balance) = ${amounts.credit * BigInt(BUYERS)} AND sum(held) = 0
          AND (SELECT coalesce(sum(amount), 0) = 0 AND count(*) = 3 * (SELECT count(*) FROM plain.journal) FROM plain.entry)
          AND NOT EXISTS (SELECT FROM plain.hold WHERE state <> 'settled') AS adds FROM plain.account`,
      )
      return rows[0]?.adds === true
    },
    async close() {
      await Promise.all(clients.map((client) => client.end()))
    },
  }
}

async function inTransaction(
  client: DatabaseClient,
  work: (client: DatabaseClient) => Promise<void>,
): Promise<void> {
  await client.query({ name: 'begin', text: 'BEGIN' })
  await work(client)
  await client.query({ name: 'commit', text: 'COMMIT' })
}

async function holdByStatements(client: DatabaseClient, { id, buyer }: Order): Promise<void> {
  const { rows } = await client.query<{ free: string }>({
    name: 'lock',
    text: 'SELECT balance - held AS free FROM plain.account WHERE id = $1 FOR UPDATE',
    values: [buyer],
  })
  if (BigInt(rows[0]?.free ?? 0) < amounts.hold) throw new Error('no money')
  await client.query({
    name: 'hold',
    text: `INSERT INTO plain.hold (id, account_id, amount, state) VALUES ($1, $2, $3, 'open')`,
    values: [id, buyer, amounts.hold],
  })
  await client.query({
    name: 'set aside',
    text: 'UPDATE plain.account SET held = held + $2 WHERE id = $1',
    values: [buyer, amounts.hold],
  })
}

/** The hot fee account comes last, so that its lock is held for a round trip and the commit only. */
async function settleByStatements(client: DatabaseClient, order: Order): Promise<void> {
  const { id, buyer } = order
  const { rowCount } = await client.query({
    name: 'conclude',
    text: `UPDATE plain.hold SET state = 'settled', settled = $2 WHERE id = $1 AND state = 'open'`,
    values: [id, amounts.cost],
  })
  if (rowCount !== 1) throw new Error('no open hold')
  await client.query({
    name: 'journal',
    text: `INSERT INTO plain.journal (id, code) VALUES ($1, 'request_settled')`,
    values: [id],
  })
  await client.query({
    name: 'entries',
    text: `INSERT INTO plain.entry (journal_id, seq, account_id, amount) VALUES ($1, 1, $2, $3), ($1, 2, $4, $5), ($1, 3, $6, $7)`,
    values: [id, buyer, amounts.cost, sellerId(order), -amounts.seller, feeId(order), -amounts.fee],
  })
  await client.query({
    name: 'pay',
    text: 'UPDATE plain.account SET balance = balance - $2, held = held - $3 WHERE id = $1',
    values: [buyer, amounts.cost, amounts.hold],
  })
  const earn = { name: 'earn', text: 'UPDATE plain.account SET balance = balance + $2 WHERE id = $1' }
  await client.query({ ...earn, values: [sellerId(order), amounts.seller] })
  await client.query({ ...earn, values: [feeId(order), amounts.fee] })
}

async function holdByFunction(client: DatabaseClient, { id, buyer }: Order): Promise<void> {
  await client.query({
    name: 'hold-function',
    text: 'SELECT plain.place($1, $2, $3)',
    values: [id, buyer, amounts.hold],
  })
}

async function settleByFunction(client: DatabaseClient, order: Order): Promise<void> {
  const { hold, cost, seller, fee } = amounts
  await client.query({
    name: 'settle-function',
    text: 'SELECT plain.settle($1, $2, $3, $4, $5, $6, $7, $8)',
    values: [order.id, order.buyer, sellerId(order), feeId(order), hold, cost, seller, fee],
  })
}
