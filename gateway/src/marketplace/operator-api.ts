/** What operators decide and look after: grounds, and the sealed credentials. */
import { z } from 'zod'
import { operation } from '../http/operation.ts'
import { decideGroundsBody, grounds } from './schema.ts'

const accepted = z.array(z.enum(grounds))

const providerGrounds = z
  .strictObject({
    provider: z.string(),
    key: accepted.meta({ description: "Of a key on the provider's own hosts." }),
    endpoint: accepted.meta({ description: "Of a server of the seller's." }),
  })
  .meta({ id: 'ProviderGrounds' })

export type ProviderGroundsShown = z.output<typeof providerGrounds>

export const listGrounds = operation({
  method: 'get',
  path: '/api/marketplace/grounds',
  summary: 'On which grounds the capacity of each provider may be sold here',
  access: 'reader',
  answer: z.strictObject({ data: z.array(providerGrounds) }),
})

export const decideGrounds = operation({
  method: 'put',
  path: '/api/marketplace/grounds',
  summary: 'Decide which grounds are accepted for a provider',
  description:
    'Listings whose ground is no longer accepted are suspended at once; those that were for that return.',
  access: 'operator',
  body: decideGroundsBody,
  answer: providerGrounds,
})

const credentials = z
  .strictObject({
    keys: z.array(
      z.strictObject({
        keyId: z.string(),
        is: z.string().meta({ description: '`current`, `old`, `missing`, `damaged`.' }),
        credentials: z.int(),
        mayBeDropped: z.boolean(),
      }),
    ),
    rotation: z.strictObject({
      state: z.enum(['running', 'idle']),
      last: z.strictObject({ moved: z.int(), changedMeanwhile: z.int(), failed: z.int() }).nullable(),
    }),
  })
  .meta({ id: 'CredentialStatus' })

export type CredentialStatus = z.output<typeof credentials>

export const getCredentials = operation({
  method: 'get',
  path: '/api/admin/credentials',
  summary: 'Which encryption keys the sealed credentials need',
  access: 'operator',
  answer: credentials,
})

export const rotateCredentials = operation({
  method: 'post',
  path: '/api/admin/credentials/rotate',
  summary: 'Move every sealed credential to the current encryption key',
  description: 'Answers at once; the status tells how far it is.',
  access: 'operator',
  body: z.strictObject({}),
  status: 202,
  answer: credentials,
})

const provider = z
  .strictObject({
    id: z.string(),
    name: z.string(),
    format: z.string(),
    author: z.string(),
    baseUrl: z.string(),
    allowedHosts: z.array(z.string()),
    isOwnMachine: z.boolean().meta({ description: 'Runs on the operator’s machines; only he can list it.' }),
    environmentKeys: z.array(z.string()),
    lacks: z.array(z.string()),
    ignores: z.array(z.string()),
    grounds: providerGrounds,
    listings: z.int().meta({ description: 'On the market now.' }),
  })
  .meta({ id: 'Provider' })

export type ProviderShown = z.output<typeof provider>

export const listProviders = operation({
  method: 'get',
  path: '/api/providers',
  summary: 'The providers that can be listed here, and on which grounds',
  access: 'user',
  answer: z.strictObject({
    data: z.array(provider),
    customEndpoints: z.boolean().meta({ description: 'Whether sellers may list servers of their own.' }),
    priceNoticeMs: z.int().meta({ description: 'How long a changed price is announced before it holds.' }),
  }),
})
