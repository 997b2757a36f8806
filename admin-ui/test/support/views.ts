/** Every route of the console with something to see, and the way to every dialog. */
import type { Page } from 'playwright-core'
import { totpCode } from '../../../gateway/src/users/totp.ts'
import type { Furniture } from './furnished.ts'
import { PASSWORD } from './real-stage.ts'

export interface View {
  /** Addresses below /console/ under which the route shows all that it can. */
  at(found: Furniture): string[]
  signedOut?: boolean
}

const plain = (...paths: string[]): View => ({ at: () => paths })
const outside = (...paths: string[]): View => ({ at: () => paths, signedOut: true })
const model = 'model=openai%2Fgpt-4o-mini'

export const views: Record<string, View> = {
  '/sign-in': outside('sign-in'),
  '/sign-up': outside('sign-up'),
  '/join': outside('join', 'join?token=none'),
  '/reset': outside('reset', 'reset?token=none'),
  '/verify': outside('verify?token=none'),
  '/': plain(''),
  '/start': plain('start'),
  '/playground': plain('playground'),
  '/market': plain('market', `market?${model}`),
  '/requests': plain('requests', 'requests?side=market', 'requests?outcome=left'),
  '/requests/$id': {
    at: ({ requestId, failedRequestId }) => [`requests/${requestId}`, `requests/${failedRequestId}`],
  },
  '/usage': plain('usage'),
  '/keys': plain('keys'),
  '/billing': plain('billing'),
  '/account': plain('account'),
  '/listings': plain('listings'),
  '/listings/$id': {
    at: ({ listingId }) =>
      ['', '?tab=models', '?tab=history', '?tab=trust', '?tab=facts'].map(
        (tab) => `listings/${listingId}${tab}`,
      ),
  },
  '/earnings': plain('earnings'),
  '/payouts': plain('payouts'),
  '/run': plain('run'),
  '/run/users': plain('run/users'),
  '/run/usage': plain('run/usage'),
  '/run/listings': plain('run/listings', 'run/listings?tab=grounds', 'run/listings?tab=credentials'),
  '/run/models': plain('run/models', 'run/models?tab=changes', 'run/models?tab=providers'),
  '/run/payouts': plain('run/payouts'),
  '/run/ledger': plain('run/ledger', 'run/ledger?account=platform_cash'),
  '/run/audit': plain('run/audit'),
  '/run/metrics': plain('run/metrics'),
  '/run/system': plain('run/system'),
  '/run/outbox': plain('run/outbox'),
}

export interface Opening {
  at(found: Furniture): string
  open?(page: Page): Promise<void>
  /** Changes the account, so somebody else's is taken. */
  byAnother?: boolean
}

const address = (text: string): Opening => ({ at: () => text })
const press =
  (...names: (string | RegExp)[]) =>
  async (page: Page): Promise<void> => {
    for (const name of names) await page.getByRole('button', { name }).first().click()
  }
const firstRow = (page: Page) =>
  page.getByRole('table').getByRole('row').nth(1).getByRole('link').first().click()
const inDrawer =
  (...names: (string | RegExp)[]) =>
  async (page: Page): Promise<void> => {
    for (const name of names) await page.getByRole('dialog').getByRole('button', { name }).first().click()
  }
const onUser = (...names: (string | RegExp)[]): Opening => ({
  at: ({ userId }) => `run/users?open=${userId}`,
  open: inDrawer(...names),
})
const onKey = (...names: string[]): Opening => ({
  at: ({ keyId }) => `keys?open=${keyId}`,
  open: inDrawer(...names),
})

/** By the file that draws them. */
export const dialogs: Record<string, Opening[]> = {
  'app/help-dialog.tsx': [{ at: () => 'keys', open: (page) => page.keyboard.press('?') }],
  'features/account/password-dialog.tsx': [{ at: () => 'account', open: turnTwoFactorOff, byAnother: true }],
  'features/account/set-up-dialog.tsx': [
    { at: () => 'account', open: press('Turn on') },
    { at: () => 'account', open: askForSecret },
  ],
  'features/audit/audit-page.tsx': [{ at: () => 'run/audit', open: firstRow }],
  'features/billing/top-up-dialog.tsx': [address('billing?new=topup')],
  'features/keys/create-key-dialog.tsx': [
    address('keys?new=key'),
    { at: () => 'keys?new=key', open: press('Limits and rights', 'Models', /^Who answers/) },
  ],
  'features/keys/edit-key-dialog.tsx': [onKey('Edit')],
  'features/keys/key-drawer.tsx': [onKey()],
  'features/keys/revoke-key-dialog.tsx': [onKey('Revoke')],
  'features/keys/rotate-key-dialog.tsx': [onKey('Rotate')],
  'features/ledger/journal-drawer.tsx': [{ at: ({ journalId }) => `run/ledger?journal=${journalId}` }],
  'features/listings/listing-dialogs.tsx': [
    address('listings?new=1'),
    { at: ({ listingId }) => `listings/${listingId}?edit=1` },
    { at: ({ listingId }) => `listings/${listingId}?delete=1` },
  ],
  'features/listings/listing-queue.tsx': [{ at: ({ listingId }) => `run/listings?open=${listingId}` }],
  'features/market/offer-drawer.tsx': [{ at: ({ listingId }) => `market?${model}&open=${listingId}` }],
  'features/models/catalog-changes.tsx': [
    {
      at: () => 'run/models?tab=changes',
      open: (page) => page.getByRole('table').getByRole('button').first().click(),
    },
  ],
  'features/models/catalog-models.tsx': [address('run/models?open=openai%2Fgpt-4o-mini')],
  'features/outbox/outbox-page.tsx': [{ at: () => 'run/outbox', open: firstRow }],
  'features/payouts/payout-drawer.tsx': [{ at: ({ payoutId }) => `run/payouts?open=${payoutId}` }],
  'features/payouts/payouts-page.tsx': [{ at: () => 'payouts', open: press('Cancel') }],
  'features/requests/requests-page.tsx': [{ at: ({ requestId }) => `requests?open=${requestId}` }],
  'features/usage/spending-alert-dialog.tsx': [{ at: () => 'usage', open: press('New alert') }],
  'features/users/add-credit-dialog.tsx': [onUser('Add play credit')],
  'features/users/create-user-dialog.tsx': [{ at: () => 'run/users', open: press('Create user') }],
  'features/users/edit-user-dialog.tsx': [onUser(/^Change name/)],
  'features/users/user-act-dialog.tsx': [onUser('New password'), onUser(/^(Close|Delete) user/)],
  'features/users/user-drawer.tsx': [onUser()],
}

async function askForSecret(page: Page): Promise<void> {
  await page.getByRole('button', { name: 'Turn on' }).click()
  await page.getByRole('textbox', { name: 'Your password' }).fill(PASSWORD)
  await page.getByRole('button', { name: 'Go on' }).click()
  await page.getByLabel('Code of the app').waitFor()
}

async function turnTwoFactorOff(page: Page): Promise<void> {
  await askForSecret(page)
  await page.getByLabel('Code of the app').fill(await codeOf(page))
  await page.getByRole('dialog').getByRole('button', { name: 'Turn on' }).click()
  await page.getByRole('button', { name: 'I have stored them' }).click()
  await page.getByRole('button', { name: 'Turn off' }).click()
}

/** The code that an authenticator app would show now for the secret that stands in the dialog. */
export async function codeOf(page: Page): Promise<string> {
  const secret = await page
    .getByRole('dialog')
    .getByText(/^[A-Z2-7]{32}$/)
    .first()
    .innerText()
  return totpCode(fromBase32(secret), Math.floor(Date.now() / 30_000))
}

function fromBase32(text: string): Buffer {
  const bits = [...text].map((sign) =>
    'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'.indexOf(sign).toString(2).padStart(5, '0'),
  )
  return Buffer.from((bits.join('').match(/.{8}/g) ?? []).map((byte) => Number.parseInt(byte, 2)))
}
