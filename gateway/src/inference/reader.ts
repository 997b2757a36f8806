/** Who asks about the market or a request, and with which limits: a key that may read, or a signed-in user. */
import type { Request } from 'express'
import type { Principal } from '../http/principal.ts'
import type { Caller } from '../keys/verify.ts'
import { bearerOf } from '../users/bearer.ts'

/** Throws 401 for a key that is none, 503 when nobody can say. */
export type VerifyKey = (token: string) => Caller | Promise<Caller>

/** The key that asks, whose limits count; a signed-in user asks about the whole market. */
export async function callerOf(
  verifyKey: VerifyKey,
  principal: Principal,
  request: Request,
): Promise<Caller | undefined> {
  return principal.kind === 'key' ? verifyKey(bearerOf(request.headers.authorization) ?? '') : undefined
}
