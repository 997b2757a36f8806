/** What the answers about people have in common. */
import { z } from 'zod'
import { nanosShown, timeShown } from '../http/operation.ts'
import { userState } from './schema.ts'

export const modeShown = z.enum(['play', 'live'])

export const userShown = z
  .strictObject({
    id: z.string(),
    email: z.string(),
    name: z.string(),
    roles: z.array(z.enum(['owner', 'buyer', 'seller', 'operator'])),
    operator: z.boolean(),
    organisationId: z.string(),
    state: userState.meta({
      description:
        '`invited`: has not chosen a password yet. `unverified`: signed up and has not confirmed the address.',
    }),
    twoFactor: z.boolean(),
    createdAt: timeShown,
    closedAt: timeShown.nullable(),
  })
  .meta({ id: 'User' })
export const balanceShown = z.strictObject({
  balanceNanos: nanosShown,
  availableNanos: nanosShown,
  heldNanos: nanosShown,
  currency: z.literal('USD'),
  availableUsd: z.string(),
})

export type UserShown = z.output<typeof userShown>
