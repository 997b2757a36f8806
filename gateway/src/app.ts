/** Mounts the rooms in request order: the table of contents of the gateway. */
import { timingSafeEqual } from 'node:crypto'
import { existsSync } from 'node:fs'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { join } from 'node:path'
import express, { type Express, type Request, type RequestHandler, type Response } from 'express'
import helmet from 'helmet'
import { createMetricsRoutes } from './admin/metrics-routes.ts'
import { createReferenceRoutes } from './admin/reference-routes.ts'
import { createAdminRoutes } from './admin/routes.ts'
import { createAlertRoutes } from './analytics/alerts-routes.ts'
import { createRequestsRoutes } from './analytics/requests-routes.ts'
import { createFiles } from './analytics/send-file.ts'
import { createUsageRoutes } from './analytics/usage-routes.ts'
import { createAuditRoutes } from './audit/routes.ts'
import { createCatalogRoutes } from './catalog/routes.ts'
import { type Context, consoleDir } from './context.ts'
import { type CorsPolicy, corsHeaders, preflightHeaders } from './http/cors.ts'
import { allowOnly, createErrorHandler, nameRequest, refuseUnknownRoute } from './http/express-edges.ts'
import { createHealthRoutes } from './http/health.ts'
import { preferCompressed } from './http/precompressed.ts'
import type { Door } from './http/serve-operation.ts'
import { type ChatRoute, createChatRoute } from './inference/chat-route.ts'
import { shuttingDown } from './inference/cut-off.ts'
import { createEstimateRoutes } from './inference/estimate-routes.ts'
import { createModelRoutes } from './inference/model-routes.ts'
import { createRouteRoutes } from './inference/route-routes.ts'
import { createKeyRoutes } from './keys/routes.ts'
import { createBrowseRoutes } from './ledger/browse-routes.ts'
import { createLedgerHealthRoutes } from './ledger/health-routes.ts'
import { createMailRoutes } from './mail/routes.ts'
import { createCredentialRoutes } from './marketplace/credential-routes.ts'
import { createDashboardRoutes } from './marketplace/dashboard-routes.ts'
import { createGroundRoutes } from './marketplace/grounds-routes.ts'
import { createMarketRoutes } from './marketplace/market-routes.ts'
import { createOfferRoutes } from './marketplace/offers-routes.ts'
import { createPreviewRoutes } from './marketplace/preview-routes.ts'
import { createPriceRoutes } from './marketplace/prices-routes.ts'
import { createProviderRoutes } from './marketplace/providers-routes.ts'
import { createListingRoutes } from './marketplace/routes.ts'
import { VERSION } from './open-operations.ts'
import { createPaymentRoutes } from './payments/routes.ts'
import { ping } from './platform/database.ts'
import { GatewayError } from './platform/errors.ts'
import { createJwksRoutes, createReceiptRoutes } from './settlement/receipt-routes.ts'
import { createWireRoutes, wirePaths } from './settlement/receipt-wire-routes.ts'
import { createTrustRoutes } from './trust/routes.ts'
import { createAuthenticate } from './users/authenticate.ts'
import { createUserRoutes } from './users/routes.ts'

const API_BODY_LIMIT = '100kb'
// The API answers at /v1, at /api/v1 (OpenRouter's base) and bare (LiteLLM's).
const API_BASES = ['/v1', '/api/v1', '']
// What OpenRouter's clients ask about money; without a base the paths would be anybody's.
const MONEY_BASES = ['/v1', '/api/v1']

/** `onAnswer` hears every answer of `/api`; tests hold it against its schema. */
export interface AppOptions extends Pick<Door, 'onAnswer'> {
  /** Where the console's files are; those that are built beside us unless given. */
  consoleFiles?: string
}

export interface App {
  handle(message: IncomingMessage, response: ServerResponse): void
  chat: ChatRoute
  /** What is mounted; tests walk through it. */
  express: Express
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
    express: rest,
    startDraining() {
      draining = true
      context.priceFeed.close()
      context.analytics.tail.close()
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
  mountConsole(app, options.consoleFiles ?? consoleDir)
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
  app.use('/api', createEstimateRoutes({ ...context.inference, door, verifyKey }))
  app.use('/api', express.json({ limit: API_BODY_LIMIT, inflate: false }))
  app.use('/api', createUserRoutes({ users, door, version: VERSION }))
  app.use('/api', createKeyRoutes({ keys, door }))
  app.use('/api', createListingRoutes({ ...marketplace, reputations: trust.reputations, catalog, door }))
  app.use('/api', createGroundRoutes({ ...marketplace, door }))
  app.use('/api', createDashboardRoutes({ ...context, ...marketplace, door }))
  app.use(
    '/api',
    createMarketRoutes({
      marketplace,
      feed: priceFeed,
      reputations: trust.reputations,
      catalog,
      door,
    }),
  )
  app.use('/api', createTrustRoutes({ cases: trust.cases, door }))
  app.use(
    '/api',
    createPriceRoutes({
      feed: priceFeed,
      book: marketplace.prices,
      listings: marketplace.listings,
      catalog,
      clock,
      door,
    }),
  )
  app.use('/api', createOfferRoutes({ ...context, door }))
  app.use('/api', createPreviewRoutes({ ...context, ...marketplace, billing: context.priceBilling, door }))
  app.use('/api', createProviderRoutes({ ...context, ...marketplace, marketplace, door }))
  app.use(
    '/api',
    createCatalogRoutes({
      catalog,
      versions: context.catalogVersions,
      offersOf: (model) => marketplace.offersFor(model).length,
      door,
    }),
  )
  app.use('/api', createCredentialRoutes({ ...context, door }))
  app.use('/api', createAuditRoutes({ audit, door }))
  app.use('/api', createMailRoutes({ mail: context.mail, door, mode: context.config.mode }))
  app.use('/api', createPaymentRoutes({ payments: context.payments, door }))
  app.use('/api', createBrowseRoutes({ pool: context.database.pool, health: context.health, door }))
  app.use('/api', createReceiptRoutes({ receipts, door, sessions: users.sessions, verifyKey }))
  app.use('/api', createRouteRoutes({ ...context, door, verifyKey }))
  mountAnalytics(app, context, door)
  mountOperations(app, context, door)
}

function mountAnalytics(app: Express, { analytics, clock }: Context, door: Door): void {
  const files = createFiles()
  app.use('/api', createRequestsRoutes({ ...analytics, files, door }))
  app.use('/api', createUsageRoutes({ ...analytics, files, clock, door }))
  app.use('/api', createAlertRoutes({ ...analytics, door }))
}

function mountOperations(app: Express, { operations, users, config, logger }: Context, door: Door): void {
  const { metrics, openapi } = operations
  app.use('/api', createAdminRoutes({ ...operations, ...metrics, door }))
  app.use('/api', createReferenceRoutes({ door, openapi }))
  const { publicUrl } = config
  app.use(
    createMetricsRoutes({
      ...metrics,
      sessions: users.sessions,
      publicUrl,
      publicHost: users.publicHost,
      logger,
    }),
  )
}

/** The console's files, with a policy that lets them load nothing from anywhere else. */
function mountConsole(app: Express, files: string): void {
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
    preferCompressed(files),
    express.static(files, { index: 'index.html', maxAge: '1h', setHeaders: keepFresh }),
  )
  app.get('/console/*page', headers, (request, response, next) => {
    const page = join(files, 'index.html')
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
