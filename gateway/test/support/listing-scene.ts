/** The marketplace on a database of its own, with its routes and a door out that answers as the test wants. */
import { randomBytes } from 'node:crypto'
import express, { type NextFunction, type Request, type Response } from 'express'
import supertest from 'supertest'
import { createAudit } from '../../src/audit/audit.ts'
import { loadCatalog } from '../../src/catalog/catalog.ts'
import type { Principal, Role } from '../../src/http/principal.ts'
import { sendError } from '../../src/http/send.ts'
import { createDashboardRoutes } from '../../src/marketplace/dashboard-routes.ts'
import { createGroundRoutes } from '../../src/marketplace/grounds-routes.ts'
import { createMarketplace, type Marketplace } from '../../src/marketplace/marketplace.ts'
import { createListingRoutes } from '../../src/marketplace/routes.ts'
import { systemClock } from '../../src/platform/clock.ts'
import type { Config } from '../../src/platform/config.ts'
import { toGatewayError } from '../../src/platform/errors.ts'
import { formatId, parseId, uuidv7 } from '../../src/platform/ids.ts'
import { createLocalKms } from '../../src/platform/kms.ts'
import { createLogger } from '../../src/platform/logger.ts'
import { createSealer } from '../../src/platform/secrets.ts'
import { loadProviders } from '../../src/providers/registry.ts'
import { type AnsweringEgress, createAnsweringEgress } from './answering-egress.ts'
import { createTestDatabase, type TestDatabase } from './database.ts'
import { requireAsDescribed } from './require-as-described.ts'

const providers = loadProviders({
  providers: [
    {
      id: 'openai',
      name: 'OpenAI',
      format: 'openai',
      baseUrl: 'https://api.openai.com/v1',
      allowedHosts: ['eu.api.openai.com'],
      environmentKeys: ['OPENAI_API_KEY'],
      author: 'openai',
      chatPath: '/chat/completions',
      maxTokensField: 'max_completion_tokens',
      streamOptions: true,
    },
  ],
})
const price = { input: '0.15', output: '0.6' }
const catalog = loadCatalog({
  nowMs: 0,
  overrides: {
    authors: [],
    rules: [],
    models: [
      { id: 'openai/gpt-4o-mini', price },
      { id: 'openai/gpt-4o', price },
    ],
  },
})

export const MODEL = 'openai/gpt-4o-mini'
export type Who = 'operator' | 'seller' | 'rival' | 'buyer'

export interface ListingScene {
  database: TestDatabase
  door: AnsweringEgress
  market: Marketplace
  /** Another node on the same database; `nodeId` given again is the same node after a restart. */
  openMarket(change?: Partial<Config>, nodeId?: string): Promise<Marketplace>
  as(who: Who, market?: Marketplace): ReturnType<typeof supertest>
  /** The body of a new listing, with a key of its own. */
  draft(change?: Record<string, unknown>): Record<string, unknown>
  /** A listing of the seller's, as it is when it was answered. */
  created(change?: Record<string, unknown>): Promise<{ id: string; state: string }>
  // biome-ignore lint/suspicious/noExplicitAny: tests look into many shapes of JSON
  settled(id: string, market?: Marketplace): Promise<any>
  /** What was written down of a listing: action and detail, oldest first. */
  audited(id: string): Promise<{ action: string; detail: unknown }[]>
  offers(market?: Marketplace): number
  close(): Promise<void>
}

export const path = '/api/marketplace/listings'

export async function startListingScene(): Promise<ListingScene> {
  const database = await createTestDatabase()
  const door = createAnsweringEgress()
  const sealer = createSealer(createLocalKms({ current: randomBytes(32) }))
  const keyPepper = randomBytes(32)
  const logger = createLogger({ level: 'silent' })
  const opened: Marketplace[] = []
  let keys = 0

  async function openMarket(change: Partial<Config> = {}, nodeId: string = uuidv7()): Promise<Marketplace> {
    const config = {
      mode: 'play' as const,
      feeBps: 500n,
      allowPrivateUpstreams: false,
      allowCustomEndpoints: false,
      environmentListings: true,
      priceNoticeMs: 300_000,
      ...change,
    }
    const market = await createMarketplace({
      database: database.database,
      databaseUrl: database.url,
      catalog,
      providers,
      sealer,
      egress: door,
      secrets: { keyPepper },
      node: { nodeId },
      config,
      audit: createAudit({ database: database.database, logger }),
      logger,
      clock: systemClock,
    })
    opened.push(market)
    return market
  }

  const market = await openMarket()
  const organisations = new Map<Who, string>()
  for (const who of ['operator', 'seller', 'rival', 'buyer'] as const) {
    const id = uuidv7()
    await database.database.prisma.organisation.create({ data: { id, name: who, kind: 'personal' } })
    organisations.set(who, id)
  }

  function as(who: Who, asked = market) {
    const app = express()
    app.use(express.json())
    const authenticate = (_request: Request, response: Response, next: NextFunction) => {
      response.locals.principal = principalOf(who)
      next()
    }
    const reputations = { show: () => null }
    const deps = {
      ...asked,
      reputations,
      catalog,
      database: database.database,
      clock: systemClock,
      door: { authenticate, onAnswer: requireAsDescribed },
    }
    app.use('/api', createListingRoutes(deps), createGroundRoutes(deps), createDashboardRoutes(deps))
    app.use((thrown: unknown, _request: Request, response: Response, _next: NextFunction) => {
      const error = toGatewayError(thrown)
      if (error.status >= 500) console.error(error.cause)
      sendError(response, error, 'gen-test')
    })
    return supertest(app)
  }

  function principalOf(who: Who): Principal {
    const roles: Record<Who, Role[]> = {
      operator: ['owner', 'operator'],
      seller: ['seller'],
      rival: ['seller'],
      buyer: ['buyer'],
    }
    const organisationId = organisations.get(who) as string
    return { kind: 'user', userId: uuidv7(), sessionId: uuidv7(), organisationId, roles: roles[who] }
  }

  function draft(change: Record<string, unknown> = {}) {
    keys += 1
    return {
      provider: 'openai',
      name: 'East',
      key: `sk-test-upstream-key-${keys}`,
      models: [{ model: MODEL, price: { kind: 'multiplier', ppm: 900_000 } }],
      ground: 'own_organisation',
      ...change,
    }
  }

  return {
    database,
    door,
    market,
    openMarket,
    as,
    draft,
    async created(change) {
      const { body, status } = await as('seller').post(path).send(draft(change))
      if (status !== 201) throw new Error(JSON.stringify(body))
      return body
    },
    async settled(id, asked = market) {
      await asked.verified([parseId('lst-', id) as string], 10_000)
      return (await as('operator', asked).get(`${path}/${id}`)).body
    },
    async audited(id) {
      const rows = await database.database.prisma.auditEvent.findMany({
        where: { subject: id },
        orderBy: [{ at: 'asc' }, { id: 'asc' }],
      })
      return rows.map(({ action, detail }) => ({ action, detail }))
    },
    offers: (asked = market) => asked.offersFor(MODEL).length,
    async close() {
      for (const one of opened) await one.close()
      await database.drop()
    },
  }
}

export const uuidOf = (id: string) => parseId('lst-', id) as string
export const idOf = (uuid: string) => formatId('lst-', uuid)
