import {
  createRootRouteWithContext,
  createRoute,
  createRouter,
  Outlet,
  redirect,
} from '@tanstack/react-router'
import type { Session } from '../lib/session.ts'
import { lazyPage } from './lazy-page.ts'
import { Pending } from './pending.tsx'
import { NotFound, RouteError } from './route-error.tsx'
import { type PageSearch, readSearch, writeSearch } from './search.ts'
import { Shell } from './shell.tsx'

interface RouterContext {
  session: Session
}

declare module '@tanstack/react-router' {
  interface Register {
    router: ConsoleRouter
  }
}

export type ConsoleRouter = ReturnType<typeof createConsoleRouter>

/** All pages under /console. Those inside the shell need a session; *Sell* needs a seller and *Run* an operator. */
export function createConsoleRouter({ session }: RouterContext) {
  return createRouter({
    routeTree,
    basepath: '/console',
    context: { session },
    parseSearch: readSearch,
    stringifySearch: writeSearch,
    defaultErrorComponent: RouteError,
    defaultNotFoundComponent: NotFound,
    defaultPendingComponent: Pending,
    scrollRestoration: true,
  })
}

/** Each page reads of its address what it understands; what is strange there is ignored. */
const validateSearch = (search: Record<string, unknown>): PageSearch => search as PageSearch

const root = createRootRouteWithContext<RouterContext>()({ component: Outlet })
const outside = { getParentRoute: () => root, validateSearch }

const gettingIn = [
  createRoute({
    ...outside,
    path: '/sign-in',
    component: lazyPage(() => import('../features/sign-in/sign-in-page.tsx'), 'SignInPage'),
  }),
  createRoute({
    ...outside,
    path: '/sign-up',
    component: lazyPage(() => import('../features/getting-in/sign-up-page.tsx'), 'SignUpPage'),
  }),
  createRoute({
    ...outside,
    path: '/join',
    component: lazyPage(() => import('../features/getting-in/join-page.tsx'), 'JoinPage'),
  }),
  createRoute({
    ...outside,
    path: '/reset',
    component: lazyPage(() => import('../features/getting-in/reset-page.tsx'), 'ResetPage'),
  }),
  createRoute({
    ...outside,
    path: '/verify',
    component: lazyPage(() => import('../features/getting-in/verify-page.tsx'), 'VerifyPage'),
  }),
] as const

const shell = createRoute({
  getParentRoute: () => root,
  id: 'shell',
  beforeLoad: async ({ context, location }) => {
    const person = await context.session.restore()
    if (person) return { person }
    throw redirect({ to: '/sign-in', search: location.pathname === '/' ? {} : { next: location.href } })
  },
  component: Shell,
})
const inside = { getParentRoute: () => shell, validateSearch }

const use = [
  createRoute({
    ...inside,
    path: '/',
    component: lazyPage(() => import('../features/overview/overview-page.tsx'), 'OverviewPage'),
  }),
  createRoute({
    ...inside,
    path: '/start',
    component: lazyPage(() => import('../features/start/start-page.tsx'), 'StartPage'),
  }),
  createRoute({
    ...inside,
    path: '/playground',
    component: lazyPage(() => import('../features/playground/playground-page.tsx'), 'PlaygroundPage'),
  }),
  createRoute({
    ...inside,
    path: '/market',
    component: lazyPage(() => import('../features/market/market-page.tsx'), 'MarketPage'),
  }),
  createRoute({
    ...inside,
    path: '/requests',
    component: lazyPage(() => import('../features/requests/requests-page.tsx'), 'RequestsPage'),
  }),
  createRoute({
    ...inside,
    path: '/requests/$id',
    component: lazyPage(() => import('../features/requests/request-page.tsx'), 'RequestPage'),
  }),
  createRoute({
    ...inside,
    path: '/usage',
    component: lazyPage(() => import('../features/usage/usage-page.tsx'), 'UsagePage'),
  }),
  createRoute({
    ...inside,
    path: '/keys',
    component: lazyPage(() => import('../features/keys/keys-page.tsx'), 'KeysPage'),
  }),
  createRoute({
    ...inside,
    path: '/billing',
    component: lazyPage(() => import('../features/billing/billing-page.tsx'), 'BillingPage'),
  }),
  createRoute({
    ...inside,
    path: '/account',
    component: lazyPage(() => import('../features/account/account-page.tsx'), 'AccountPage'),
  }),
] as const

const seller = createRoute({
  getParentRoute: () => shell,
  id: 'seller',
  beforeLoad: ({ context }) => {
    if (!context.person.roles.includes('seller')) throw redirect({ to: '/' })
  },
  component: Outlet,
})
const selling = { getParentRoute: () => seller, validateSearch }

const sell = [
  createRoute({
    ...selling,
    path: '/listings',
    component: lazyPage(() => import('../features/listings/my-listings-page.tsx'), 'MyListingsPage'),
  }),
  createRoute({
    ...selling,
    path: '/listings/$id',
    component: lazyPage(() => import('../features/listings/listing-page.tsx'), 'ListingPage'),
  }),
  createRoute({
    ...selling,
    path: '/earnings',
    component: lazyPage(() => import('../features/earnings/earnings-page.tsx'), 'EarningsPage'),
  }),
  createRoute({
    ...selling,
    path: '/payouts',
    component: lazyPage(() => import('../features/payouts/payouts-page.tsx'), 'PayoutsPage'),
  }),
] as const

const operator = createRoute({
  getParentRoute: () => shell,
  id: 'operator',
  beforeLoad: ({ context }) => {
    if (!context.person.roles.includes('operator')) throw redirect({ to: '/' })
  },
  component: Outlet,
})
const running = { getParentRoute: () => operator, validateSearch }

const run = [
  createRoute({
    ...running,
    path: '/run',
    component: lazyPage(() => import('../features/run/run-page.tsx'), 'RunPage'),
  }),
  createRoute({
    ...running,
    path: '/run/users',
    component: lazyPage(() => import('../features/users/users-page.tsx'), 'UsersPage'),
  }),
  createRoute({
    ...running,
    path: '/run/usage',
    component: lazyPage(() => import('../features/usage/run-usage-page.tsx'), 'RunUsagePage'),
  }),
  createRoute({
    ...running,
    path: '/run/listings',
    component: lazyPage(() => import('../features/listings/listings-page.tsx'), 'ListingsPage'),
  }),
  createRoute({
    ...running,
    path: '/run/models',
    component: lazyPage(() => import('../features/models/models-page.tsx'), 'ModelsPage'),
  }),
  createRoute({
    ...running,
    path: '/run/payouts',
    component: lazyPage(() => import('../features/payouts/run-payouts-page.tsx'), 'RunPayoutsPage'),
  }),
  createRoute({
    ...running,
    path: '/run/ledger',
    component: lazyPage(() => import('../features/ledger/ledger-page.tsx'), 'LedgerPage'),
  }),
  createRoute({
    ...running,
    path: '/run/audit',
    component: lazyPage(() => import('../features/audit/audit-page.tsx'), 'AuditPage'),
  }),
  createRoute({
    ...running,
    path: '/run/metrics',
    component: lazyPage(() => import('../features/metrics/metrics-page.tsx'), 'MetricsPage'),
  }),
  createRoute({
    ...running,
    path: '/run/system',
    component: lazyPage(() => import('../features/system/system-page.tsx'), 'SystemPage'),
  }),
  createRoute({
    ...running,
    path: '/run/outbox',
    component: lazyPage(() => import('../features/outbox/outbox-page.tsx'), 'OutboxPage'),
  }),
] as const

const routeTree = root.addChildren([
  ...gettingIn,
  shell.addChildren([...use, seller.addChildren([...sell]), operator.addChildren([...run])]),
])
