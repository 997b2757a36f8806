/** What a new installation needs before anyone can use it: a first operator, and in play mode the demo. */
import { readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import type { Context } from './context.ts'
import { type DemoListing, seedDemo } from './demo/seed.ts'
import { GatewayError } from './platform/errors.ts'
import { formatId } from './platform/ids.ts'
import { generatePassword } from './users/generate-password.ts'

const DEFAULT_OPERATOR = 'operator@bourse.internal'
const FILE = 'summary.json'
// The demo upstream is in this process and answers in milliseconds; longer than this and something is wrong with it.
const DEMO_VERIFIED_MS = 10_000

/** What DATA_DIR/summary.json says; readable by its owner only. */
const summaryFile = z.strictObject({
  baseUrl: z.string(),
  /** The demo buyer's key; play mode only. */
  apiKey: z.string().optional(),
  consoleUrl: z.string(),
  email: z.string(),
  /** Of the first operator, as it was made; absent when the operator chose one in the environment. */
  password: z.string().optional(),
})

export type Summary = z.output<typeof summaryFile>

/** Makes what is missing, writes the summary and returns it. Safe to run at every start, and after an interrupted one. */
export async function bootstrap(context: Context, origin: string): Promise<Summary> {
  const { config } = context
  context.users.listensAt(origin)
  const file = join(config.dataDir, FILE)
  // The draft is what a start that was killed half-way has left.
  const known = readSummary(file) ?? readSummary(`${file}.new`)
  const urls = { baseUrl: `${origin}/v1`, consoleUrl: `${origin}/console/` }
  const operator = await firstOperator(context, {
    known,
    keep: (credentials) => writeDraft(file, { ...urls, ...credentials }),
  })
  const apiKey = config.mode === 'play' ? await playDemo(context, known?.apiKey) : undefined
  await context.marketplace.ensureEnvironmentListings(config.vendorKeys)
  const summary: Summary = { ...urls, ...(apiKey === undefined ? {} : { apiKey }), ...operator }
  writeDraft(file, summary)
  renameSync(`${file}.new`, file)
  return summary
}

function writeDraft(file: string, summary: Summary): void {
  writeFileSync(`${file}.new`, `${JSON.stringify(summary, null, 2)}\n`, { mode: 0o600, flush: true })
}

type Credentials = Pick<Summary, 'email' | 'password'>

/** The operator as the summary shows it; `keep` gets a made-up password before it is anybody's, lest a kill loses it. */
async function firstOperator(
  { config, users }: Context,
  { known, keep }: { known: Summary | undefined; keep: (credentials: Credentials) => void },
): Promise<Credentials> {
  const email = config.admin.email ?? known?.email ?? DEFAULT_OPERATOR
  const chosen = config.admin.password
  const password = chosen ?? known?.password ?? generatePassword()
  if (chosen === undefined && known?.password === undefined) keep({ email, password })
  const { user, created } = await users.accounts.ensureFirstOperator({ email, password })
  // A password that somebody chose is not ours to write down; one that we made stays where it was.
  if (created) return chosen === undefined ? { email: user.email, password } : { email: user.email }
  return known?.password !== undefined && known.email === user.email
    ? { email: user.email, password: known.password }
    : { email: user.email }
}

async function playDemo(context: Context, lastKey: string | undefined): Promise<string | undefined> {
  const { users, keys, marketplace, catalog } = context
  const listed: string[] = []
  const knownKey = lastKey !== undefined && (await isValid(context, lastKey)) ? lastKey : undefined
  const seeded = await seedDemo({
    catalog,
    async createUser({ email, name, roles }) {
      const known = await users.accounts.findByEmail(email)
      const user = known ?? (await users.accounts.create({ email, name, roles }, 'system')).user
      return { userId: user.id, organisationId: user.organisationId }
    },
    async creditPlayMoney({ organisationId, amountNanos, reference }) {
      await users.wallets.credit(
        { organisationId, amountNanos, reason: 'Play money to start with', idempotencyKey: reference },
        'system',
      )
    },
    async mintKey({ organisationId, userId, name }) {
      if (knownKey !== undefined) return undefined
      const { token } = await keys.mint({ organisationId, createdByUserId: userId, name }, 'system')
      return { plainKey: token }
    },
    createListing: async (listing) => void listed.push(await ensureListing(marketplace, listing)),
  })
  // The key that is printed next has something to buy.
  await marketplace.verified(listed, DEMO_VERIFIED_MS)
  return seeded.apiKey ?? knownKey
}

/** Whether the key of the last summary still opens this database: it may be another one, or the key revoked. */
async function isValid({ verifier }: Context, key: string): Promise<boolean> {
  try {
    await verifier.verify(key)
    return true
  } catch (error) {
    if (error instanceof GatewayError && error.status === 401) return false
    throw error
  }
}

/** Lists what the demo seller sells, unless it is listed already under that name; answers the listing's UUID. */
async function ensureListing(
  { listings, search }: Context['marketplace'],
  draft: DemoListing,
): Promise<string> {
  const { organisationId, name, provider, ground, baseUrl, credential, multiplierPpm, models } = draft
  const { found } = await search.find({ organisationId, limit: 100 }, 'system')
  const known = found.find(({ listing }) => listing.name === name)
  if (known) return known.listing.id
  const { requestsPerMinute, tokensPerMinute, concurrency } = draft
  const { id } = await listings.create(
    {
      organisationId: formatId('org-', organisationId),
      name,
      provider,
      ground,
      baseUrl,
      key: credential,
      capacity: { requestsPerMinute, tokensPerMinute, concurrency },
      models: models.map((offered) => ({
        ...offered,
        price: { kind: 'multiplier', ppm: Number(multiplierPpm) },
      })),
    },
    'system',
  )
  return id
}

function readSummary(file: string): Summary | undefined {
  try {
    return summaryFile.safeParse(JSON.parse(readFileSync(file, 'utf8'))).data
  } catch {
    return undefined // a first start
  }
}

/** The lines a person sees when the gateway is ready. */
export function summaryText(summary: Summary, { mode, dataDir }: { mode: string; dataDir: string }): string {
  const lines = [
    '',
    `  Bourse is ready (${mode} mode).`,
    '',
    `  API        ${summary.baseUrl}`,
    ...(summary.apiKey ? [`  Key        ${summary.apiKey}`] : []),
    `  Console    ${summary.consoleUrl}`,
    `  Operator   ${summary.email}${summary.password ? `  password ${summary.password}` : ''}`,
    `  The same   ${join(dataDir, FILE)}`,
  ]
  if (summary.apiKey) {
    lines.push(
      '',
      '  Try it:',
      `    curl ${summary.baseUrl}/chat/completions \\`,
      `      -H 'Authorization: Bearer ${summary.apiKey}' -H 'Content-Type: application/json' \\`,
      `      -d '{"model":"gpt-4o-mini","messages":[{"role":"user","content":"Hello"}]}'`,
      '',
      "  Answers come from the built-in demo upstream, and the money is play money. Set a vendor's key",
      '  (OPENAI_API_KEY, ANTHROPIC_API_KEY, …) and GATEWAY_ENV_LISTINGS_IN_PLAY=true for real models.',
    )
  }
  return [...lines, ''].join('\n')
}
