import type { Response } from 'express'
import { principalOf } from '../http/principal.ts'
import { GatewayError } from '../platform/errors.ts'
import { parseId } from '../platform/ids.ts'

/** The caller's own organisation; another one only for operators. Throws `forbidden`. */
export function organisationAsked(response: Response, asked: string | undefined): string {
  const principal = principalOf(response)
  if (asked === undefined) return principal.organisationId
  const id = parseId('org-', asked)
  const isOwn = id === principal.organisationId
  const mayAll = principal.kind === 'user' && principal.roles.includes('operator')
  if (id && (isOwn || mayAll)) return id
  throw new GatewayError('forbidden', 'You can see your own organisation only.', { param: 'organisation' })
}
