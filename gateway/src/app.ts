/** Mounts the rooms in request order: the table of contents of the gateway. */
import { timingSafeEqual } from 'node:crypto'
import { existsSync } from 'node:fs'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { join } from 'node:path'
import express, { type Express, type Request, type RequestHandler, type Response } from 'express'
import helmet from 'helmet'
import { createAuditRoutes } from './audit/routes.ts'
import { type Context, consoleDir } from './context.ts'
import { type CorsPolicy, corsHeaders, preflightHeaders } from './http/cors.ts'
import { allowOnly, createErrorHandler, nameRequest, refuseUnknownRoute } from './http/express-edges.ts'
import { createHealthRoutes } from './http/health.ts'
import type { Door } from './http/serve-operation.ts'
import { type ChatRoute, createChatRoute } from './inference/chat-route.ts'
import { shuttingDown } from './inference/cut-off.ts'
import { createEstimateRoutes } from './inference/estimate-routes.ts'
import { createModelRoutes } from './inference/model-routes.ts'
import { createRouteRoutes } from './inference/route-routes.ts'
import { createKeyRoutes } from './keys/routes.ts'
import { createLedgerHealthRoutes } from './ledger/health-routes.ts'
import { createCredentialRoutes } from './marketplace/credential-routes.ts'
import { createDashboardRoutes } from './marketplace/dashboard-routes.ts'
import { createGroundRoutes } from './marketplace/grounds-routes.ts'
import { createMarketRoutes } from './marketplace/market-routes.ts'
import { createPriceRoutes } from './marketplace/prices-routes.ts'
import { createListingRoutes } from './marketplace/routes.ts'
import { ping } from './platform/database.ts'
import { GatewayError } from './platform/errors.ts'
import { createJwksRoutes, createReceiptRoutes } from './settlement/receipt-routes.ts'
import { createWireRoutes, wirePaths } from './settlement/receipt-wire-routes.ts'
import { createTrustRoutes } from './trust/routes.ts'
import { createAuthenticate } from './users/authenticate.ts'
import { createUserRoutes } from './users/routes.ts'

const VERSION = '0.1.0'
const API_BODY_LIMIT = '100kb'
// The API answers at /v1, at /api/v1 (OpenRouter's base) and bare (LiteLLM's).
const API_BASES = ['/v1', '/api/v1', '']
// What OpenRouter's clients ask about money; without a base the paths would be anybody's.
const MONEY_BASES = ['/v1', '/api/v1']

/** `onAnswer` hears every answer of `/api`; tests hold it against its schema. */
export type AppOptions = Pick<Door, 'onAnswer'>

export interface App {
  handle(message: IncomingMessage, response: ServerResponse): void
  chat: ChatRoute
  /** Readiness says no from now on. */
  startDraining(): void
}

/** Chat completions take the corridor straight from the HTTP server; everything else goes through Express. */
export function createApp(context: Context, options: AppOptions = {}): App {
  const chat = createChatRoute(context.inference)
  let draining = false
  const rest = createExpress(context, () => draining, options)
  const chatPaths = new Set(
    API_BASES.flatMap((base) => [`${base}/chat/completions`, `${base}/chat/completions/`]),
  )
  return {
    handle(message, response) {
      // A connection that is kept would be the last to know.
      if (draining) response.setHeader('connection', 'close')
      if (message.method === 'POST' && chatPaths.has(pathOf(message.url ?? '/')))
        chat.handle(message, response)
      else rest(message, response)
    },
    chat,
    startDraining() {
      draining = true
      context.priceFeed.close()
    },
  }
}

function pathOf(url: string): string {
  const query = url.indexOf('?')
  return query < 0 ? url : url.slice(0, query)
}

function createExpress(context: Context, draining: () => boolean, options: AppOptions): Express {
  const { config, logger, database } = context
  const app = express()
  app.disable('x-powered-by')
  app.disable('etag')
  app.use(nameRequest)
  app.use(
    createHealthRoutes({
      database: () => ping(database),
      spool: () => context.spool.healthy(),
      draining,
      version: VERSION,
      mode: config.mode,
    }),
  )
  app.use(createLedgerHealthRoutes(context))
  app.get('/metrics', guardMetrics(config.metricsToken), async (_request, response) => {
    response.setHeader('content-type', context.metrics.contentType)
    response.end(await context.metrics.render())
  })
  app.use(refuseWhen(draining))
  for (const base of API_BASES) mountModelApi(app, context, base)
  for (const base of MONEY_BASES) mountMoneyQuestions(app, context, base)
  app.use(createJwksRoutes(context))
  mountManagement(app, context, options)
  mountConsole(app)
  app.use(refuseUnknownRoute)
  app.use(createErrorHandler(logger))
  return app
}

/** Probes and metrics above tell of the drain; everything else is refused and can be sent again. */
function refuseWhen(draining: () => boolean): RequestHandler {
  return function refuseNew(_request, _response, next) {
    if (draining()) throw shuttingDown()
    next()
  }
}

function mountModelApi(app: Express, { inference, marketplace }: Context, base: string): void {
  const cors = withCors(inference.cors)
  const chatPath = `${base}/chat/completions`
  app.options(chatPath, cors, preflight('POST, OPTIONS'))
  app.all(chatPath, cors, allowOnly('POST, OPTIONS'))
  for (const path of [`${base}/models`, `${base}/models/*id`]) {
    app.options(path, cors, preflight('GET, HEAD, OPTIONS'))
    app.get(path, cors)
  }
  app.use(base === '' ? '/' : base, createModelRoutes(inference, marketplace))
  app.all([`${base}/models`, `${base}/models/*id`], cors, allowOnly('GET, HEAD, OPTIONS'))
}

function mountMoneyQuestions(
  app: Express,
  { inference, receipts, ledger, verifier }: Context,
  base: string,
): void {
  const cors = withCors(inference.cors)
  const paths = wirePaths.map((path) => base + path)
  app.options(paths, cors, preflight('GET, HEAD, OPTIONS'))
  app.get(paths, cors)
  app.use(base, createWireRoutes({ receipts, ledger, verifyKey: (token) => verifier.verify(token) }))
  app.all(paths, cors, allowOnly('GET, HEAD, OPTIONS'))
}

function withCors(policy: CorsPolicy): RequestHandler {
  return function addCors(request, response, next) {
    for (const [name, value] of Object.entries(corsHeaders(policy, request.headers.origin)))
      response.setHeader(name, value)
    next()
  }
}

function preflight(methods: string) {
  return function answerPreflight(_request: Request, response: Response): void {
    response.set(preflightHeaders(methods)).status(204).end()
  }
}

function mountManagement(app: Express, context: Context, options: AppOptions): void {
  const { users, keys, marketplace, priceFeed, audit, verifier, catalog, receipts, clock, trust } = context
  const verifyKey = (token: string) => verifier.verify(token)
  const authenticate = createAuthenticate({ sessions: users.sessions, verifyKey })
  const door: Door = { authenticate, ...options }
  app.use('/api', createEstimateRoutes({ ...context.inference, sessions: users.sessions, verifyKey }))
  app.use('/api', express.json({ limit: API_BODY_LIMIT, inflate: false }))
  app.use('/api', createUserRoutes({ users, authenticate }))
  app.use('/api', createKeyRoutes({ keys, authenticate }))
  app.use(
    '/api',
    createListingRoutes({ ...marketplace, reputations: trust.reputations, catalog, authenticate }),
  )
  app.use('/api', createGroundRoutes({ ...marketplace, authenticate }))
  app.use('/api', createDashboardRoutes({ ...context, ...marketplace, authenticate }))
  app.use(
    '/api',
    createMarketRoutes({
      marketplace,
      feed: priceFeed,
      reputations: trust.reputations,
      catalog,
      authenticate,
    }),
  )
  app.use('/api', createTrustRoutes({ cases: trust.cases, authenticate }))
  app.use(
    '/api',
    createPriceRoutes({
      feed: priceFeed,
      book: marketplace.prices,
      listings: marketplace.listings,
      catalog,
      clock,
      authenticate,
    }),
  )
  app.use('/api', createCredentialRoutes({ ...context, authenticate }))
  app.use('/api', createAuditRoutes({ audit, door }))
  app.use('/api', createReceiptRoutes({ receipts, sessions: users.sessions, verifyKey }))
  app.use('/api', createRouteRoutes({ ...context, sessions: users.sessions, verifyKey }))
}

/** The console's files, with a policy that lets them load nothing from anywhere else. */
function mountConsole(app: Express): void {
  const headers = helmet({
    contentSecurityPolicy: {
      useDefaults: false,
      directives: {
        defaultSrc: ["'self'"],
        styleSrc: ["'self'", "'unsafe-inline'"],
        imgSrc: ["'self'", 'data:'],
        objectSrc: ["'none'"],
        baseUri: ["'self'"],
        frameAncestors: ["'none'"],
        formAction: ["'self'"],
      },
    },
    // Whether the gateway stands behind TLS is the operator's proxy to say.
    strictTransportSecurity: false,
  })
  app.get('/', (_request, response) => response.redirect('/console/'))
  app.use(
    '/console',
    headers,
    express.static(consoleDir, { index: 'index.html', maxAge: '1h', setHeaders: keepFresh }),
  )
  app.get('/console/*page', headers, (request, response, next) => {
    const page = join(consoleDir, 'index.html')
    // A missing asset is a 404; a missing page is the single-page application's own business.
    if (/\.\w+$/.test(request.path) || !existsSync(page)) next()
    else response.setHeader('cache-control', 'no-cache').sendFile(page)
  })
}

function keepFresh(response: Response, path: string): void {
  if (path.endsWith('.html')) response.setHeader('cache-control', 'no-cache')
}

/** Without a token /metrics is open, as scrapers expect on a private network; with one it must be sent. */
function guardMetrics(token: string | undefined): RequestHandler {
  return function checkToken(request, _response, next) {
    if (token !== undefined && !sameText(request.headers.authorization ?? '', `Bearer ${token}`)) {
      throw new GatewayError('not_signed_in', 'Send the metrics token as Authorization: Bearer.')
    }
    next()
  }
}

function sameText(given: string, expected: string): boolean {
  const [left, right] = [Buffer.from(given), Buffer.from(expected)]
  return left.length === right.length && timingSafeEqual(left, right)
}
