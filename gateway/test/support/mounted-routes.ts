/** Which routes Express has: `GET /api/users/:id`, sorted. */
import type { Express } from 'express'

interface Layer {
  route?: { path: string | string[]; methods: Record<string, boolean> }
  handle?: { stack?: Layer[] }
  slash?: boolean
  path?: string
  match(path: string): boolean
}

/** A router's layer keeps no text of where it is mounted, so it is asked: at the root, or at one of `bases`. */
export function mountedRoutes(app: Express, bases: readonly string[]): string[] {
  const found = new Set<string>()
  const { stack } = (app as unknown as { router: { stack: Layer[] } }).router
  walk(
    stack,
    '',
    [...bases].sort((a, b) => a.length - b.length),
    found,
  )
  return [...found].sort()
}

function walk(stack: readonly Layer[], base: string, bases: readonly string[], found: Set<string>): void {
  for (const layer of stack) {
    const { route, handle } = layer
    if (route) {
      for (const path of [route.path].flat())
        for (const method of Object.keys(route.methods)) found.add(`${method.toUpperCase()} ${base}${path}`)
    } else if (handle?.stack) {
      const mount = layer.match(PROBE) ? '' : bases.find((each) => layer.match(each + PROBE))
      if (mount === undefined && handle.stack.some((inner) => inner.route))
        throw new Error('a router is mounted where nobody knows it: name its base')
      if (mount !== undefined) walk(handle.stack, base + mount, bases, found)
    }
  }
}

const PROBE = '/probe-of-mounted-routes'
