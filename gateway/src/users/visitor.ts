import type { Request } from 'express'
import type { Visitor } from './auth.ts'

/** Who stands behind a request, before anybody is signed in. */
export function visitorOf(request: Request): Visitor {
  return { address: request.ip ?? 'unknown', userAgent: request.headers['user-agent'] }
}
