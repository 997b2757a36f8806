import { createSecretKey, hkdfSync, type KeyObject } from 'node:crypto'
import jwt from 'jsonwebtoken'
import type { Clock } from '../platform/clock.ts'
import { GatewayError } from '../platform/errors.ts'
import { formatId, parseId, uuidv7 } from '../platform/ids.ts'

/** Short enough that a stolen token is soon worth nothing; the console renews it from its cookie. */
export const TOKEN_LIFE_S = 900

const ALGORITHM = 'HS256'
const ISSUER = 'bourse'
const AUDIENCE = 'api'
// Ours have under 400 characters; nothing longer is worth a signature check.
const TOKEN_MAX_CHARACTERS = 2_048

export interface TokenSubject {
  userId: string
  sessionId: string
}

export interface Tokens {
  sign(subject: TokenSubject): string
  /** Who the token speaks for. Throws `not_signed_in` for anything but a live token of ours for `/api`. */
  verify(token: string): TokenSubject
}

/** The JWTs of `/api`. Their key is derived from the session secret, so that the cookie's key signs nothing else. */
export function createTokens({ sessionSecret, clock }: { sessionSecret: string; clock: Clock }): Tokens {
  const key = createSecretKey(Buffer.from(hkdfSync('sha256', sessionSecret, '', 'bourse api token v1', 32)))
  return {
    sign({ userId, sessionId }) {
      const issuedAtS = Math.floor(clock.nowMs() / 1000)
      return jwt.sign({ sid: formatId('ses-', sessionId), iat: issuedAtS }, key, {
        algorithm: ALGORITHM,
        expiresIn: TOKEN_LIFE_S,
        issuer: ISSUER,
        audience: AUDIENCE,
        subject: formatId('usr-', userId),
        jwtid: uuidv7(clock.nowMs()),
      })
    },
    verify: (token) => subjectOf(readClaims(token, key, Math.floor(clock.nowMs() / 1000))),
  }
}

function readClaims(token: string, key: KeyObject, nowS: number): jwt.JwtPayload {
  if (token.length > TOKEN_MAX_CHARACTERS) throw refused()
  try {
    const claims = jwt.verify(token, key, {
      algorithms: [ALGORITHM],
      issuer: ISSUER,
      audience: AUDIENCE,
      clockTimestamp: nowS,
      maxAge: TOKEN_LIFE_S,
    })
    if (typeof claims === 'string') throw refused()
    return claims
  } catch (cause) {
    if (cause instanceof GatewayError) throw cause
    if (cause instanceof jwt.TokenExpiredError) {
      throw new GatewayError(
        'not_signed_in',
        'The token has expired. Get a new one with POST /api/token or POST /api/login.',
        { cause },
      )
    }
    throw refused(cause)
  }
}

function subjectOf(claims: jwt.JwtPayload): TokenSubject {
  // A list of audiences would be a token meant for others as well; one without an end is none of ours.
  if (claims.aud !== AUDIENCE || typeof claims.exp !== 'number') throw refused()
  const userId = parseId('usr-', String(claims.sub))
  const sessionId = parseId('ses-', String(claims.sid))
  if (!userId || !sessionId) throw refused()
  return { userId, sessionId }
}

function refused(cause?: unknown): GatewayError {
  return new GatewayError('not_signed_in', 'The token is not valid. Sign in with POST /api/login.', { cause })
}
