import {
  createRootRouteWithContext,
  createRoute,
  createRouter,
  lazyRouteComponent,
  Outlet,
  redirect,
} from '@tanstack/react-router'
import type { Session } from '../lib/session.ts'
import { Pending } from './pending.tsx'
import { NotFound, RouteError } from './route-error.tsx'
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

/** All pages under /console. Those inside the shell need a session; Users and Listings need an operator. */
export function createConsoleRouter({ session }: RouterContext) {
  return createRouter({
    routeTree,
    basepath: '/console',
    context: { session },
    defaultErrorComponent: RouteError,
    defaultNotFoundComponent: NotFound,
    defaultPendingComponent: Pending,
    scrollRestoration: true,
  })
}

const root = createRootRouteWithContext<RouterContext>()({ component: Outlet })

const signIn = createRoute({
  getParentRoute: () => root,
  path: '/sign-in',
  validateSearch: (search: Record<string, unknown>): { next?: string } =>
    isOwnPath(search.next) ? { next: search.next } : {},
  component: lazyRouteComponent(() => import('../features/sign-in/sign-in-page.tsx'), 'SignInPage'),
})

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

const overview = createRoute({
  getParentRoute: () => shell,
  path: '/',
  component: lazyRouteComponent(() => import('../features/overview/overview-page.tsx'), 'OverviewPage'),
})

const keys = createRoute({
  getParentRoute: () => shell,
  path: '/keys',
  component: lazyRouteComponent(() => import('../features/keys/keys-page.tsx'), 'KeysPage'),
})

const market = createRoute({
  getParentRoute: () => shell,
  path: '/market',
  validateSearch: (search: Record<string, unknown>): { q?: string } =>
    typeof search.q === 'string' && search.q !== '' ? { q: search.q } : {},
  component: lazyRouteComponent(() => import('../features/market/market-page.tsx'), 'MarketPage'),
})

const operator = createRoute({
  getParentRoute: () => shell,
  id: 'operator',
  beforeLoad: ({ context }) => {
    if (!context.person.roles.includes('operator')) throw redirect({ to: '/' })
  },
  component: Outlet,
})

const users = createRoute({
  getParentRoute: () => operator,
  path: '/users',
  component: lazyRouteComponent(() => import('../features/users/users-page.tsx'), 'UsersPage'),
})

const listings = createRoute({
  getParentRoute: () => operator,
  path: '/listings',
  component: lazyRouteComponent(() => import('../features/listings/listings-page.tsx'), 'ListingsPage'),
})

const routeTree = root.addChildren([
  signIn,
  shell.addChildren([overview, keys, market, operator.addChildren([users, listings])]),
])

/** Where to go after signing in must be a path of this console: never another site. */
function isOwnPath(value: unknown): value is string {
  return typeof value === 'string' && /^\/[a-z]/.test(value)
}
