import type { IncomingHttpHeaders } from 'node:http'
import { GatewayError } from '../platform/errors.ts'

/**
 * Lets only a page of our own origin pass: for the one route where a cookie alone opens. Browsers always send
 * `Origin` with a POST, and `Sec-Fetch-Site` where they know it; a caller that sends neither is no page of ours.
 */
export function requireSameOrigin(headers: IncomingHttpHeaders, publicHost?: string): void {
  const site = headers['sec-fetch-site']
  const { origin } = headers
  const isOurs = site === undefined ? origin !== undefined : site === 'same-origin'
  if (!isOurs) throw refused()
  // A proxy may have put another Host in; then the public one is known from the configuration.
  const hosts = [headers.host?.toLowerCase(), publicHost]
  if (origin !== undefined && !hosts.includes(hostOf(origin) ?? 'none')) throw refused()
}

/** Refuses what a browser itself says comes from another site; programs, which say nothing, pass. */
export function refuseCrossSite(headers: IncomingHttpHeaders): void {
  const site = headers['sec-fetch-site']
  if (site !== undefined && site !== 'same-origin' && site !== 'none') throw refused()
}

/** The host, with its port unless it is the scheme's own. */
export function hostOf(origin: string): string | undefined {
  return URL.canParse(origin) ? new URL(origin).host : undefined
}

function refused(): GatewayError {
  return new GatewayError(
    'forbidden',
    'Only a page of this gateway itself may call this. Sign in with POST /api/login instead.',
  )
}
