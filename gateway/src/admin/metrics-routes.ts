/**
 * Grafana and Prometheus under `/admin`, for operators who hold a ticket. Their pages stand under our origin, so each
 * comes with a policy that lets it talk to its own path and to nothing else: not to `/api`, not to the console.
 */
import { type Request, type Response, Router } from 'express'
import type { ProxyFault, ReverseProxy } from '../http/reverse-proxy.ts'
import { NO_PAGE } from '../http/server.ts'
import { GatewayError, toGatewayError } from '../platform/errors.ts'
import type { Logger } from '../platform/logger.ts'
import { requireSameOrigin } from '../users/same-origin.ts'
import type { Sessions, UserPrincipal } from '../users/sessions.ts'
import { metricsPage } from './metrics-page.ts'
import type { MetricsPlace } from './metrics-place.ts'
import type { MetricsTickets } from './metrics-ticket.ts'
import { isReadOfPrometheus, isStraight } from './prometheus-paths.ts'

export interface MetricsRoutesDeps {
  places: readonly MetricsPlace[]
  proxyOf: (place: MetricsPlace) => ReverseProxy | undefined
  tickets: MetricsTickets
  sessions: Pick<Sessions, 'principalBehind'>
  /** The address by which a person is known there. */
  emailOf: (userId: string) => Promise<string>
  publicUrl: string | undefined
  publicHost: string | undefined
  logger: Pick<Logger, 'warn'>
}

const MAX_BODY_BYTES = 1024 * 1024
/** Operators may build dashboards; users, plugins and data sources are the business of who runs Grafana. */
const GRAFANA_ROLE = 'Editor'

export function createMetricsRoutes(deps: MetricsRoutesDeps): Router {
  const router = Router()
  for (const place of deps.places) {
    const proxy = deps.proxyOf(place)
    router.use(place.path, async (request, response) => {
      response.set(headersFor(request, place, deps.publicUrl))
      try {
        const headers = await admit(deps, place, request, response)
        if (!proxy) throw new GatewayError('not_found', `${titles[place.name]} is not set up here.`)
        if (request.originalUrl === place.path) response.redirect(`${place.path}/`)
        else
          proxy.pass(request, response, {
            headers,
            onFault: (fault) => refuse(response, place, asError(place, fault)),
          })
      } catch (error) {
        refuse(response, place, toGatewayError(error))
      }
    })
  }
  return router
}

const titles = { grafana: 'Grafana', prometheus: 'Prometheus' } as const

/** Throws unless an operator may ask this; answers what the other server is told about him. */
async function admit(
  { tickets, sessions, emailOf, publicHost }: MetricsRoutesDeps,
  place: MetricsPlace,
  request: Request,
  response: Response,
): Promise<Record<string, string>> {
  const ticket = tickets.read(request.headers.cookie)
  if (!ticket) throw new GatewayError('not_signed_in', 'Open this page from Metrics in the console.')
  const person: UserPrincipal = await sessions.principalBehind(ticket.subject)
  if (!person.roles.includes('operator'))
    throw new GatewayError('forbidden', "This needs the role 'operator'. Ask an operator to grant it.")
  requirePlain(place, request, publicHost)
  if (ticket.fading) response.append('set-cookie', tickets.issue(ticket.subject))
  if (place.name === 'prometheus') return {}
  const email = await emailOf(person.userId)
  return { 'x-webauth-user': email, 'x-webauth-email': email, 'x-webauth-role': GRAFANA_ROLE }
}

function requirePlain(place: MetricsPlace, request: Request, publicHost: string | undefined): void {
  const { method, headers } = request
  if (headers.upgrade !== undefined)
    throw new GatewayError(
      'method_not_allowed',
      'Websockets are not passed on. Live streaming stays off; panels refresh by asking.',
    )
  // What a service worker makes up has no policy and could call `/api`. Browsers say what such a script is fetched for.
  if (headers['service-worker'] !== undefined)
    throw new GatewayError('forbidden', 'Service workers are not passed on.')
  const isRead = method === 'GET' || method === 'HEAD'
  if (!isRead) requireSameOrigin(headers, publicHost)
  if (!isStraight(request.originalUrl))
    throw new GatewayError('invalid_request', 'The path contains a step upwards or an encoded slash.')
  if (place.name === 'prometheus' && !(isRead && isReadOfPrometheus(request.path)))
    throw new GatewayError('forbidden', 'Only what reads is passed on to Prometheus.')
  if (headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > MAX_BODY_BYTES)
    throw new GatewayError('request_too_large', 'Send at most 1 MiB, and say how much it is.')
}

/** The page's own path and nothing else; forms, frames and workers too. New windows and their way back stay closed. */
function headersFor(
  request: Request,
  { path }: MetricsPlace,
  publicUrl: string | undefined,
): Record<string, string> {
  const own = `${publicUrl ?? `http://${safeHost(request.headers.host)}`}${path}/`
  const policy = [
    "default-src 'none'",
    `script-src ${own} 'unsafe-inline' 'unsafe-eval'`,
    `style-src ${own} 'unsafe-inline'`,
    `img-src ${own} data: blob:`,
    `font-src ${own} data:`,
    `connect-src ${own}`,
    `frame-src ${own}`,
    `worker-src ${own} blob:`,
    `manifest-src ${own}`,
    `form-action ${own}`,
    `base-uri ${own}`,
    "frame-ancestors 'none'",
    'sandbox allow-scripts allow-same-origin allow-forms allow-downloads allow-modals',
  ]
  return {
    'content-security-policy': policy.join('; '),
    'cross-origin-opener-policy': 'same-origin',
    'referrer-policy': 'same-origin',
    'x-content-type-options': 'nosniff',
    'cache-control': 'no-store',
  }
}

/** A host that could not end the policy and begin another. */
function safeHost(host: string | undefined): string {
  return host !== undefined && /^[a-z0-9.-]+(:\d{1,5})?$|^\[[0-9a-f:.]+\](:\d{1,5})?$/i.test(host)
    ? host
    : 'invalid.'
}

function asError({ name }: MetricsPlace, fault: ProxyFault): GatewayError {
  const title = titles[name]
  if (fault === 'astray')
    return new GatewayError(
      'upstream_failed',
      `${title} sent you out of its own path, which is not followed. Its root address must be this page's.`,
    )
  if (fault === 'slow')
    return new GatewayError('upstream_timeout', `${title} did not answer in time, or broke off.`)
  return new GatewayError(
    'upstream_failed',
    `${title} cannot be reached. Is it running, and is its address right?`,
  )
}

function refuse(response: Response, place: MetricsPlace, error: GatewayError): void {
  if (response.headersSent) {
    response.destroy()
    return
  }
  response
    .status(error.status)
    .set('content-security-policy', NO_PAGE)
    .type('html')
    .send(
      metricsPage({
        title: titles[place.name],
        message: error.message,
        requestId: String(response.locals.requestId),
      }),
    )
}
