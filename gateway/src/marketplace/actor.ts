import type { Principal } from '../http/principal.ts'
import { formatId } from '../platform/ids.ts'
import type { StateActor } from './listing-states.ts'

type Person = Extract<Principal, { kind: 'user' }>
/** A signed-in user, or the gateway itself, which may do what an operator may. */
export type Actor = Person | 'system'

export function isOperator(actor: Actor): actor is 'system' {
  // The type says less than the test: for the code behind it both kinds of operator are the same, and not a mere person.
  return actor === 'system' || actor.roles.includes('operator')
}

/** Whose will it is, as the life of a listing knows it. */
export function stateActorOf(actor: Actor): StateActor {
  if (actor === 'system') return 'system'
  return actor.roles.includes('operator') ? 'operator' : 'seller'
}

/** What is written down of who did it. */
export function nameOf(actor: Actor): string {
  return actor === 'system' ? 'system' : formatId('usr-', actor.userId)
}
