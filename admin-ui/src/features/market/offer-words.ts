import type { OfferShown } from '@bourse/gateway/api/marketplace'

export const noRecord = 'no record yet'

/** Features that buyers choose by; every other one is passed on wherever it is not refused. */
export const FEATURES: readonly { value: string; label: string }[] = [
  { value: 'tools', label: 'Tools' },
  { value: 'vision', label: 'Images' },
  { value: 'json_schema', label: 'JSON schema' },
  { value: 'reasoning', label: 'Reasoning' },
  { value: 'audio_input', label: 'Audio' },
  { value: 'files', label: 'Files' },
]

export function percent(share: number): string {
  const shown = share * 100
  return `${shown >= 99.95 || shown === Math.round(shown) ? Math.round(shown) : shown.toFixed(1)} %`
}

export function milliseconds(ms: number): string {
  return ms < 1_000 ? `${Math.round(ms)} ms` : `${(ms / 1_000).toFixed(1)} s`
}

const standings: Readonly<Record<OfferShown['standing'], string>> = {
  available: 'available',
  trying_again: 'trying again',
  failing: 'failing',
  resting: 'resting',
  full: 'full',
}

export function standingWord({ standing }: Pick<OfferShown, 'standing'>): string {
  return standings[standing]
}

const reasons: Readonly<Record<string, string>> = {
  probe: 'It failed and is being tried again with single requests.',
  ejected: 'It failed; it serves only when nobody else can.',
  breaker_open: 'It failed too often just now and is left alone for a while.',
  origin_open: 'Its provider fails at the moment.',
  cooling: 'It asked to wait.',
  model_suspended: 'Its key was refused for this model.',
  listing_suspended: 'Its key was refused.',
  disabled: 'It is switched off.',
  full: 'Every place of it is taken at this moment.',
  day_limit: 'What its seller gives for a day is used up.',
  month_limit: 'What its seller gives for a month is used up.',
}

export function standingSentence({ standing, standingReason }: OfferShown): string {
  if (standing === 'available') return 'Requests may go there now.'
  return reasons[standingReason ?? ''] ?? 'It serves nobody at this moment.'
}

const groundWords: Readonly<Record<string, string>> = {
  own_endpoint: 'a server of the seller’s own',
  authorised_reseller: 'sold as an authorised reseller',
  own_organisation: 'a key used within one organisation',
  demo: 'demo capacity, play money only',
}

export function groundWord(ground: string): string {
  return groundWords[ground] ?? ground
}

/** How the price moves by itself, in a word or two; undefined: it does not. */
export function scheduleWord({ schedule }: Pick<OfferShown, 'schedule'>): string | undefined {
  if (schedule?.kind !== 'scheduled') return undefined
  if (schedule.windows && schedule.load) return 'by hour and load'
  return schedule.windows ? 'by the hour' : 'by load'
}
