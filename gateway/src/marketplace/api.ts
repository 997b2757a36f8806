/** The market under `/api`: what the console needs to know of its answers. The routes are described beside this file. */
export type {
  ListingDashboardShown,
  ListingShown,
} from './listings-api.ts'
export type { ModelOnOffer, OfferShown } from './market-api.ts'
export type { CredentialStatus, ProviderGroundsShown, ProviderShown } from './operator-api.ts'
export type { PricePointShown, PricePreviewShown, PriceVersionShown } from './prices-api.ts'
export type { PriceRuleShown } from './schema.ts'
