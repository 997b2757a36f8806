/** What operators look at: the overview, the system page, the reference, and the way into Grafana and Prometheus. */
import { LRUCache } from 'lru-cache'
import type { MetricsPlace } from './admin/metrics-place.ts'
import { createMetricsTickets } from './admin/metrics-ticket.ts'
import { createOpenapi } from './admin/openapi.ts'
import { createOverview, type OverviewDeps } from './admin/overview.ts'
import { rooms } from './admin/rooms.ts'
import { createSystem, type SystemDeps } from './admin/system.ts'
import { createReverseProxy, type ReverseProxy } from './http/reverse-proxy.ts'
import type { Config } from './platform/config.ts'
import type { Secrets } from './platform/given-secrets.ts'
import type { Users } from './users/users.ts'

export const VERSION = '0.1.0'

const KNOWN_PEOPLE_MAX = 1_000
const KNOWN_PEOPLE_MS = 60_000

export interface OperationsGround
  extends Omit<OverviewDeps, 'settlement'>,
    Omit<SystemDeps, 'version' | 'config'> {
  config: Config
  secrets: Secrets
  users: Users
}

type Closers = (() => Promise<unknown> | unknown)[]

export function openOperations(ground: OperationsGround, closers: Closers) {
  const { config, secrets, users, clock } = ground
  const system = createSystem({ ...ground, version: VERSION })
  closers.push(() => system.close())
  const tickets = createMetricsTickets({
    sessionSecret: secrets.sessionSecret,
    secure: config.publicUrl?.startsWith('https:') ?? false,
    clock,
  })
  const places: MetricsPlace[] = [
    { name: 'grafana', path: '/admin/grafana', url: config.grafanaUrl },
    { name: 'prometheus', path: '/admin/prometheus', url: config.prometheusUrl },
  ]
  const proxies = new Map<string, ReverseProxy>()
  for (const { name, path, url } of places) {
    if (url === undefined) continue
    const proxy = createReverseProxy({ origin: url, prefix: path })
    closers.push(() => proxy.close())
    proxies.set(name, proxy)
  }
  return {
    openapi: createOpenapi(rooms, VERSION),
    overview: createOverview(ground),
    system: () => system.read(),
    metrics: {
      tickets,
      places,
      proxyOf: ({ name }: MetricsPlace) => proxies.get(name),
      emailOf: rememberedEmails(users),
    },
  }
}

/** Every panel of a dashboard asks; a person's address changes rarely. */
function rememberedEmails({ accounts }: Users): (userId: string) => Promise<string> {
  const known = new LRUCache<string, string>({ max: KNOWN_PEOPLE_MAX, ttl: KNOWN_PEOPLE_MS })
  return async (userId) => {
    const email = known.get(userId) ?? (await accounts.get(userId)).email
    known.set(userId, email)
    return email
  }
}
