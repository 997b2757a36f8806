/** The providers that can be listed, and on which grounds. */
import { Router } from 'express'
import { type Door, serveOperation } from '../http/serve-operation.ts'
import type { Config } from '../platform/config.ts'
import type { ProviderConfig } from '../providers/provider.ts'
import type { Providers } from '../providers/registry.ts'
import type { Grounds } from './grounds.ts'
import type { Marketplace } from './marketplace.ts'
import { listProviders } from './operator-api.ts'

export function createProviderRoutes({
  providers,
  grounds,
  marketplace,
  config,
  door,
}: {
  providers: Pick<Providers, 'list'>
  grounds: Pick<Grounds, 'list'>
  marketplace: Pick<Marketplace, 'modelsOnOffer' | 'offersFor'>
  config: Pick<Config, 'allowCustomEndpoints' | 'priceNoticeMs'>
  door: Door
}): Router {
  const router = Router()
  serveOperation(router, door, listProviders, async () => {
    const accepted = new Map((await grounds.list()).map((each) => [each.provider, each]))
    const listings = listingsByProvider(marketplace)
    return {
      data: providers.list().map((provider) => ({
        ...show(provider),
        grounds: accepted.get(provider.id) ?? { provider: provider.id, key: [], endpoint: [] },
        listings: listings.get(provider.id)?.size ?? 0,
      })),
      customEndpoints: config.allowCustomEndpoints,
      priceNoticeMs: config.priceNoticeMs,
    }
  })
  return router
}

function show({
  id,
  name,
  format,
  author,
  baseUrl,
  allowedHosts,
  environmentKeys,
  lacks,
  ignores,
}: ProviderConfig) {
  return {
    id,
    name,
    format,
    author,
    baseUrl,
    allowedHosts: [...allowedHosts],
    isOwnMachine: !baseUrl.startsWith('https://'),
    environmentKeys: [...environmentKeys],
    lacks: [...(lacks ?? [])],
    ignores: [...(ignores ?? [])],
  }
}

function listingsByProvider({
  modelsOnOffer,
  offersFor,
}: Pick<Marketplace, 'modelsOnOffer' | 'offersFor'>): Map<string, Set<string>> {
  const byProvider = new Map<string, Set<string>>()
  for (const model of modelsOnOffer())
    for (const { provider, listingId } of offersFor(model)) {
      const known = byProvider.get(provider.id)
      if (known) known.add(listingId)
      else byProvider.set(provider.id, new Set([listingId]))
    }
  return byProvider
}
