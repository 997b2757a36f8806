/**
 * The rival that an ORM writes: Prisma's interactive transactions on the plain tables, a model call for every step.
 * Only the row lock is SQL, because Prisma has none. Its client is generated at the start of the bench.
 */
import { spawnSync } from 'node:child_process'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { amounts, type Books, type Order } from './ledger-bench-load.ts'
import { feeId, sellerId } from './ledger-bench-plain.ts'

const ROOT = fileURLToPath(new URL('..', import.meta.url))
const SCHEMA = 'loadtests/ledger-bench.prisma'
const CLIENT = 'node_modules/.cache/ledger-bench/prisma/client.ts'
// Far above what any transaction takes, so that a busy machine fails none.
const PATIENCE_MS = 30_000

export interface OrmBooks {
  /** With a pool of so many connections. */
  open(connections: number): { books: Books; close(): Promise<void> }
}

type Where = { where: { id: string | bigint } }
type Model = {
  create(call: { data: object }): Promise<unknown>
  createMany(call: { data: object[] }): Promise<unknown>
  update(call: Where & { data: object }): Promise<unknown>
  findUniqueOrThrow(call: Where): Promise<{ state: string }>
}
type Transaction = Record<'account' | 'hold' | 'journal' | 'entry', Model> & {
  $queryRaw(parts: TemplateStringsArray, ...values: unknown[]): Promise<{ free: bigint }[]>
}
interface Prisma {
  $transaction(
    work: (tx: Transaction) => Promise<void>,
    options: { maxWait: number; timeout: number },
  ): Promise<void>
  $disconnect(): Promise<void>
}
type PrismaClass = new (options: { adapter: object }) => Prisma
type AdapterClass = new (
  pool: { connectionString: string; max: number },
  options: { schema: string },
) => object

export async function prepareOrm(url: string): Promise<OrmBooks> {
  // The CLI and the adapter are dependencies of the gateway, found from there as its own code finds them.
  const gateway = createRequire(join(ROOT, 'gateway/package.json'))
  generate(join(dirname(gateway.resolve('prisma/package.json')), 'build/index.js'))
  const { PrismaClient } = (await import(pathToFileURL(join(ROOT, CLIENT)).href)) as {
    PrismaClient: PrismaClass
  }
  const { PrismaPg } = (await import(pathToFileURL(gateway.resolve('@prisma/adapter-pg')).href)) as {
    PrismaPg: AdapterClass
  }
  return {
    open(connections) {
      const adapter = new PrismaPg({ connectionString: url, max: connections }, { schema: 'plain' })
      const prisma = new PrismaClient({ adapter })
      const run = (work: (tx: Transaction) => Promise<void>) =>
        prisma.$transaction(work, { maxWait: PATIENCE_MS, timeout: PATIENCE_MS })
      return {
        books: {
          hold: (order) => run((tx) => hold(tx, order)),
          settle: (order) => run((tx) => settle(tx, order)),
        },
        close: () => prisma.$disconnect(),
      }
    },
  }
}

function generate(cli: string): void {
  const { status, stdout, stderr } = spawnSync(process.execPath, [cli, 'generate', '--schema', SCHEMA], {
    cwd: ROOT,
    encoding: 'utf8',
    // Any executable stands for the native engine that this command looks for and does not need.
    env: { ...process.env, PRISMA_SCHEMA_ENGINE_BINARY: process.execPath, CHECKPOINT_DISABLE: '1' },
  })
  if (status !== 0) throw new Error(`the ORM's client could not be generated:\n${stdout}${stderr}`)
}

async function hold(tx: Transaction, { id, buyer }: Order): Promise<void> {
  const [account] =
    await tx.$queryRaw`SELECT balance - held AS free FROM plain.account WHERE id = ${buyer} FOR UPDATE`
  if ((account?.free ?? 0n) < amounts.hold) throw new Error('no money')
  await tx.hold.create({ data: { id, accountId: BigInt(buyer), amount: amounts.hold, state: 'open' } })
  await tx.account.update({ where: { id: BigInt(buyer) }, data: { held: { increment: amounts.hold } } })
}

/** The accounts in the same order as everywhere, the hot one last. */
async function settle(tx: Transaction, order: Order): Promise<void> {
  const { id, buyer } = order
  const [seller, fee] = [BigInt(sellerId(order)), BigInt(feeId(order))]
  const { state } = await tx.hold.findUniqueOrThrow({ where: { id } })
  if (state !== 'open') throw new Error('no open hold')
  await tx.journal.create({ data: { id, code: 'request_settled' } })
  await tx.entry.createMany({
    data: [
      { journalId: id, seq: 1, accountId: BigInt(buyer), amount: amounts.cost },
      { journalId: id, seq: 2, accountId: seller, amount: -amounts.seller },
      { journalId: id, seq: 3, accountId: fee, amount: -amounts.fee },
    ],
  })
  await tx.hold.update({ where: { id }, data: { state: 'settled', settled: amounts.cost } })
  await tx.account.update({
    where: { id: BigInt(buyer) },
    data: { balance: { decrement: amounts.cost }, held: { decrement: amounts.hold } },
  })
  await tx.account.update({ where: { id: seller }, data: { balance: { increment: amounts.seller } } })
  await tx.account.update({ where: { id: fee }, data: { balance: { increment: amounts.fee } } })
}
