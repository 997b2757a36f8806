import type { State } from './stand-in-gateway.ts'

const minuteMs = 60_000

/** A gateway in use: money with digits below a cent, keys in every state, listings of several sellers. */
export function sampleState(nowMs: number): State {
  const ago = (minutes: number): string => new Date(nowMs - minutes * minuteMs).toISOString()
  return {
    balanceNanos: 24_998_633_200n,
    heldNanos: 20_000_000n,
    keys: [
      {
        id: 'key-2',
        name: 'laptop',
        label: 'sk-brs-k3m9qd0v7x2a…4f2K',
        scopes: ['inference'],
        createdAt: ago(9_000),
        lastUsedAt: ago(3),
        requestsPerMinute: 60,
      },
      {
        id: 'key-1',
        name: 'nightly evaluation',
        label: 'sk-brs-k3m9qd0v7x2a…p0Rt',
        scopes: ['inference', 'read'],
        createdAt: ago(40_000),
        lastUsedAt: ago(600),
        budget: { limitNanos: '20000000000', spentNanos: '1204367000', period: 'month' },
        expiresAt: ago(-80_000),
      },
      {
        id: 'key-0',
        name: 'old notebook',
        label: 'sk-brs-k3m9qd0v7x2a…zz19',
        scopes: ['inference'],
        createdAt: ago(90_000),
        revokedAt: ago(50),
      },
    ],
    users: [
      {
        id: 'usr-2',
        name: 'Mara Lindqvist',
        email: 'mara@example.com',
        roles: ['buyer', 'seller'],
        createdAt: ago(3_000),
      },
      {
        id: 'usr-0',
        name: 'Olive Park',
        email: 'operator@example.com',
        roles: ['owner', 'buyer', 'operator'],
        createdAt: ago(90_000),
      },
    ],
    listings: [
      listing('lst-2', 'bay · demo', 'active', ['openai/gpt-4o-mini', 'openai/gpt-4o'], 950_000),
      listing(
        'lst-1',
        'acme · demo',
        'paused',
        ['openai/gpt-4o-mini', 'anthropic/claude-sonnet-4-5', 'openai/gpt-4o', 'openai/gpt-4.1'],
        1_000_000,
      ),
    ],
    statement: [
      line('gen-3', ago(2), 'request_settled', 'Request', '-367000', 'openai/gpt-4o-mini'),
      line('gen-2', ago(4), 'request_settled', 'Request', '-999800', 'anthropic/claude-sonnet-4-5'),
      line('jrn-1', ago(600), 'play_credit', 'Welcome credit', '25000000000'),
    ],
    models: sampleModels(),
  }
}

export function emptyState(): State {
  return { balanceNanos: 0n, heldNanos: 0n, keys: [], users: [], listings: [], statement: [], models: [] }
}

function listing(id: string, name: string, state: string, models: string[], ppm: number) {
  return {
    id,
    name,
    provider: 'demo',
    state,
    stateReason: state === 'paused' ? 'Paused by an operator' : null,
    models: models.map((model) => ({
      model,
      upstreamModel: model,
      price: { kind: 'multiplier', ppm },
      usdPerMTok: model.endsWith('mini') ? { input: '0.1425', output: '0.57', cacheRead: '0.07125' } : null,
    })),
    capacity: { requestsPerMinute: 600, tokensPerMinute: 90_000, concurrency: null },
  }
}

function line(
  id: string,
  createdAt: string,
  code: string,
  description: string,
  amountNanos: string,
  model?: string,
) {
  return { id, createdAt, code, description, amountNanos, ...(model ? { model } : {}) }
}

function sampleModels() {
  const offer = (listingId: string, inputUsdPerMTok: string, outputUsdPerMTok: string, state = 'active') => ({
    listingId,
    provider: 'demo',
    inputUsdPerMTok,
    outputUsdPerMTok,
    state,
  })
  return [
    {
      id: 'anthropic/claude-sonnet-4-5',
      contextWindow: 200_000,
      offers: [offer('lst-1', '3', '15', 'paused')],
    },
    { id: 'openai/gpt-4.1', contextWindow: 1_047_576, offers: [offer('lst-1', '2', '8')] },
    {
      id: 'openai/gpt-4o',
      contextWindow: 128_000,
      offers: [offer('lst-1', '2.5', '10'), offer('lst-2', '2.375', '9.5')],
    },
    {
      id: 'openai/gpt-4o-mini',
      contextWindow: 128_000,
      offers: [offer('lst-1', '0.15', '0.6'), offer('lst-2', '0.1425', '0.57')],
    },
  ]
}
