import { parseMultiplier } from '../../lib/multiplier.ts'
import type { Ground, NewListing } from './queries.ts'

/** What the form holds, as typed. */
export interface ListingValues {
  provider: string
  name: string
  key: string
  baseUrl: string
  models: string[]
  multiplier: string
  requestsPerMinute: string
  tokensPerMinute: string
  concurrency: string
  ground: Ground
  attested: boolean
}

export const emptyListing: ListingValues = {
  provider: '',
  name: '',
  key: '',
  baseUrl: '',
  models: [],
  multiplier: '1',
  requestsPerMinute: '',
  tokensPerMinute: '',
  concurrency: '',
  ground: 'own_organisation',
  attested: false,
}

export const grounds: { value: Ground; label: string }[] = [
  { value: 'own_organisation', label: 'Own key, used within our organisation' },
  { value: 'own_endpoint', label: 'Own endpoint that we run' },
  { value: 'authorised_reseller', label: 'Authorised reseller of the provider' },
]

/** Suggestions; the gateway knows the full list and names it when a provider is unknown. */
export const knownProviders = [
  'openai',
  'anthropic',
  'gemini',
  'deepseek',
  'mistral',
  'groq',
  'xai',
  'together',
  'fireworks',
  'cerebras',
  'openrouter',
  'perplexity',
  'moonshot',
  'dashscope',
  'ollama',
]

const leastPpm = 50_000
const mostPpm = 10_000_000

type Fault = string | null

export const validateListing = {
  provider: (provider: string): Fault => (provider.trim() === '' ? 'Choose a provider' : null),
  name: (name: string): Fault => (name.trim() === '' ? 'Give it a name' : null),
  key: (key: string): Fault => (key.trim() === '' ? 'Paste the key of this provider' : null),
  baseUrl: (url: string): Fault =>
    url.trim() === '' || URL.canParse(url.trim())
      ? null
      : 'Write a full URL, such as https://api.example.com/v1',
  models: (models: string[]): Fault => (models.length === 0 ? 'Add at least one model' : null),
  multiplier: (typed: string): Fault => {
    const ppm = parseMultiplier(typed)
    return ppm !== undefined && ppm >= leastPpm && ppm <= mostPpm ? null : 'Write a factor from 0.05 to 10'
  },
  requestsPerMinute: countOrEmpty,
  tokensPerMinute: countOrEmpty,
  concurrency: countOrEmpty,
  attested: (attested: boolean): Fault =>
    attested ? null : 'Nothing is routed to a listing whose ground is not attested',
}

/** The body of the request that creates the listing. */
export function newListingOf(values: ListingValues): NewListing {
  const ppm = parseMultiplier(values.multiplier) ?? 1_000_000
  return {
    provider: values.provider.trim(),
    name: values.name.trim(),
    key: values.key.trim(),
    ...(values.baseUrl.trim() === '' ? {} : { baseUrl: values.baseUrl.trim() }),
    models: values.models.map((model) => ({ model, price: { kind: 'multiplier', ppm } })),
    capacity: {
      ...countOf('requestsPerMinute', values),
      ...countOf('tokensPerMinute', values),
      ...countOf('concurrency', values),
    },
    ground: values.ground,
  }
}

function countOrEmpty(typed: string): Fault {
  return typed.trim() === '' || /^[1-9]\d{0,8}$/.test(typed.trim()) ? null : 'Write a whole number above 0'
}

function countOf<Name extends 'requestsPerMinute' | 'tokensPerMinute' | 'concurrency'>(
  name: Name,
  values: ListingValues,
): { [Key in Name]?: number } {
  const typed = values[name].trim()
  return typed === '' ? {} : ({ [name]: Number.parseInt(typed, 10) } as { [Key in Name]: number })
}
