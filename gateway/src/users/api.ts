/** People under `/api`: what the console needs to know of their answers. The routes are described beside this file. */
export type { SessionShown, TwoFactorShown } from './account-api.ts'
export type { UserShown } from './shown-api.ts'
export type { GrantShown, LinkTarget, PublicSettings } from './sign-in-api.ts'
export type { InvitationShown, UserCreated, UserDetailShown } from './users-api.ts'
export type { BalanceShown, StatementLineShown, StatementShown } from './wallet-api.ts'
