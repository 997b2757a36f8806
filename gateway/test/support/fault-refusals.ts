/** U03 to U08 and U25 to U29: the upstream answers, and says no in one of the many ways that vendors have. */
import { gzipSync } from 'node:zlib'
import { errorBody, type Fault, faultsOf, refusal } from './fault.ts'

const html = '<html><body>Bad gateway</body></html>'
const limited = errorBody('Rate limit reached', { type: 'requests', code: 'rate_limit_exceeded' })

const U03 = faultsOf(
  'U03',
  { client: 'next', outcome: 'rate_limited', rest: 'cooling' },
  {
    seconds: { behave: refusal(429, limited, { 'retry-after': '7' }), restMs: [7_000, 7_701] },
    fraction: { behave: refusal(429, limited, { 'retry-after': '2.5' }), restMs: [2_500, 2_751] },
    'http-date': {
      // Against the upstream's own clock, which is wrong by a minute.
      behave: (wire) =>
        wire.answer(429, limited, {
          date: new Date(Date.now() - 60_000).toUTCString(),
          'retry-after': new Date(Date.now() - 30_000).toUTCString(),
        }),
      restMs: [29_000, 34_101],
    },
    milliseconds: { behave: refusal(429, limited, { 'retry-after-ms': '1500' }), restMs: [1_500, 1_651] },
    'reset-seconds': {
      behave: refusal(429, limited, { 'x-ratelimit-reset-requests': '5s' }),
      restMs: [5_000, 5_501],
    },
    'reset-minutes': {
      behave: refusal(429, limited, { 'x-ratelimit-reset-tokens': '6m0s' }),
      restMs: [360_000, 396_001],
    },
    'the-longest': {
      behave: refusal(429, limited, { 'retry-after': '3', 'x-ratelimit-reset-requests': '9s' }),
      restMs: [9_000, 9_901],
    },
    'beyond-an-hour': {
      behave: refusal(429, limited, { 'retry-after': '7200' }),
      restMs: [3_600_000, 3_960_001],
    },
  },
)

const U04 = faultsOf(
  'U04',
  { client: 'next', outcome: 'rate_limited', rest: 'cooling', restMs: [1_000, 2_001] },
  {
    plain: refusal(429, limited),
    empty: refusal(429),
    html: refusal(429, html, { 'content-type': 'text/html' }),
    'negative-hint': refusal(429, limited, { 'retry-after': '-5' }),
    'hint-is-no-time': refusal(429, limited, { 'retry-after': 'soon' }),
  },
)

const U05 = faultsOf(
  'U05',
  { client: 'next', outcome: 'quota_exhausted', rest: 'listing_suspended' },
  {
    'insufficient-quota': refusal(
      429,
      errorBody('You exceeded your current quota', {
        type: 'insufficient_quota',
        code: 'insufficient_quota',
      }),
    ),
    'payment-required': refusal(402),
    'balance-too-low': refusal(400, {
      type: 'error',
      error: { type: 'invalid_request_error', message: 'Your credit balance is too low to access the API.' },
    }),
    'credit-balance-exhausted': refusal(429, { error: { code: 'credit_balance_exhausted', message: 'No.' } }),
    'spend-limit': refusal(400, { error: { code: 'enforced_spend_limit_reached', message: 'No.' } }),
  },
)

const U06 = faultsOf(
  'U06',
  { client: 'next', outcome: 'server_error' },
  {
    ...Object.fromEntries(
      [500, 502, 503, 504, 520, 521, 522, 523, 524].map((status) => [
        String(status),
        refusal(status, errorBody('boom sk-upstream-secret')),
      ]),
    ),
    html: refusal(502, html, { 'content-type': 'text/html' }),
    empty: refusal(500),
  },
)

const U07 = faultsOf(
  'U07',
  { client: 'next', outcome: 'overloaded' },
  {
    529: refusal(529, { type: 'error', error: { type: 'overloaded_error', message: 'Overloaded' } }),
    '503-code': refusal(503, errorBody('later', { code: 'engine_overloaded' })),
    '503-text': refusal(503, errorBody('The engine is currently overloaded, please try again later')),
    '500-overloaded': refusal(500, { type: 'error', error: { type: 'overloaded_error', message: 'later' } }),
  },
)

const U08 = faultsOf(
  'U08',
  { client: 'next', outcome: 'key_rejected', rest: 'disabled' },
  {
    401: refusal(
      401,
      errorBody('Incorrect API key provided: sk-upstream-secret', { code: 'invalid_api_key' }),
    ),
    '401-empty': refusal(401),
    403: refusal(403, errorBody('Your organization has been disabled.')),
    '400-key': refusal(400, {
      error: {
        code: 400,
        message: 'API key not valid. Please pass a valid API key.',
        status: 'INVALID_ARGUMENT',
      },
    }),
  },
)

const U25 = faultsOf(
  'U25',
  { client: 'next', outcome: 'model_refused', rest: 'model_suspended' },
  {
    404: refusal(404, errorBody('The model does not exist', { code: 'model_not_found' })),
    '404-html': refusal(404, html, { 'content-type': 'text/html' }),
    410: refusal(410),
    '400-model': refusal(400, errorBody('gone', { code: 'model_decommissioned' })),
    '403-region': refusal(
      403,
      errorBody('Country, region, or territory not supported', {
        code: 'unsupported_country_region_territory',
      }),
    ),
  },
)

const U26 = faultsOf(
  'U26',
  { client: 'refused', outcome: 'user_error', code: 'upstream_rejected_request' },
  {
    'invalid-request': refusal(
      400,
      errorBody("Unsupported value: 'temperature' does not support 3", {
        type: 'invalid_request_error',
        param: 'temperature',
        code: 'unsupported_value',
      }),
    ),
    'context-length': {
      behave: refusal(
        400,
        errorBody("This model's maximum context length is 8192 tokens", {
          type: 'invalid_request_error',
          code: 'context_length_exceeded',
        }),
      ),
      code: 'context_length_exceeded',
    },
    'content-filter': {
      behave: refusal(400, errorBody('flagged', { type: 'invalid_request_error', code: 'content_filter' })),
      code: 'content_filter',
    },
  },
)

const U27 = faultsOf(
  'U27',
  { client: 'refused', outcome: 'user_error', code: 'upstream_rejected_request' },
  Object.fromEntries(
    [413, 415, 422].map((status) => [
      String(status),
      refusal(status, errorBody(`no, ${status}`, { type: 'invalid_request_error' })),
    ]),
  ),
)

const U28 = faultsOf(
  'U28',
  { client: 'next', outcome: 'malformed' },
  Object.fromEntries(
    [301, 302, 303, 307, 308].map((status) => [
      String(status),
      // Nobody may go there: the port is the upstream's own, and its log would tell.
      refusal(status, '', { location: '/U28.followed/v1/chat/completions' }),
    ]),
  ),
)

const U29 = faultsOf(
  'U29',
  { client: 'next', outcome: 'server_error' },
  Object.fromEntries([408, 409, 425].map((status) => [String(status), refusal(status, errorBody('again'))])),
)

// A megabyte of zeros in a kilobyte; and what a bomb inside bombs is labelled with.
const bomb = gzipSync(Buffer.alloc(1024 * 1024))
const U30 = faultsOf(
  'U30',
  { client: 'next', outcome: 'malformed' },
  {
    gzip: refusal(200, bomb, { 'content-encoding': 'gzip' }),
    'six-times': refusal(200, bomb, { 'content-encoding': 'gzip, gzip, gzip, gzip, gzip, gzip' }),
    'no-gzip-at-all': refusal(200, 'not compressed', { 'content-encoding': 'gzip' }),
    brotli: refusal(200, bomb, { 'content-encoding': 'br' }),
    unknown: refusal(200, bomb, { 'content-encoding': 'x-own' }),
    'in-an-error': refusal(500, bomb, { 'content-encoding': 'gzip' }),
  },
)

export const refusals: Record<string, Fault> = {
  ...U03,
  ...U04,
  ...U05,
  ...U06,
  ...U07,
  ...U08,
  ...U25,
  ...U26,
  ...U27,
  ...U28,
  ...U29,
  ...U30,
}
