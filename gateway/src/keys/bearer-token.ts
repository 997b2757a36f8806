import type { IncomingHttpHeaders } from 'node:http'
import { bearerOf } from '../users/bearer.ts'

/** The key a client sent: `Authorization: Bearer`, Anthropic's `x-api-key` or Azure's `api-key`, in this order. */
export function bearerToken(headers: IncomingHttpHeaders): string | undefined {
  return bearerOf(headers.authorization) ?? one(headers['x-api-key']) ?? one(headers['api-key'])
}

function one(header: string | string[] | undefined): string | undefined {
  return typeof header === 'string' && header !== '' ? header : undefined
}
