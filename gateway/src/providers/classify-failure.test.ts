import fc from 'fast-check'
import { expect, test } from 'vitest'
import { classifyFailure } from './classify-failure.ts'

function classify(status: number, body: unknown = '', headers: Record<string, string> = {}) {
  const text = typeof body === 'string' ? body : JSON.stringify(body)
  return classifyFailure({ status, headers, body: Buffer.from(text), nowMs: 0 })
}

const openAi = (
  message: string,
  code: string | null = null,
  type = 'invalid_request_error',
  param: string | null = null,
) => ({
  error: { message, type, param, code },
})
const anthropic = (message: string, type: string) => ({
  type: 'error',
  error: { type, message },
  request_id: 'req_1',
})

test.each([
  // The buyer's
  [400, openAi("'n' must be positive", null, 'invalid_request_error', 'n'), 'user_error'],
  [400, openAi('too long', 'context_length_exceeded'), 'user_error'],
  [400, openAi("This model's maximum context length is 8192 tokens", null), 'user_error'],
  [
    400,
    anthropic('prompt is too long: 210000 tokens > 200000 maximum', 'invalid_request_error'),
    'user_error',
  ],
  [400, { error: { code: 'content_filter', message: 'The response was filtered' } }, 'user_error'],
  [
    403,
    { error: { code: 403, message: 'Your input was flagged', metadata: { reasons: ['x'] } } },
    'key_rejected',
  ],
  [403, { error: { code: 403, message: 'This model requires moderation' } }, 'user_error'],
  [413, anthropic('Request exceeds the maximum size', 'request_too_large'), 'user_error'],
  [415, '', 'user_error'],
  [422, { detail: [{ loc: ['body', 'n'], msg: 'not allowed' }] }, 'user_error'],
  // The seller's key, model, purse
  [401, openAi('Incorrect API key provided: sk-abc***xyz', 'invalid_api_key'), 'key_rejected'],
  [403, anthropic('Your API key does not have permission', 'permission_error'), 'key_rejected'],
  [
    400,
    [
      {
        error: {
          code: 400,
          message: 'API key not valid. Please pass a valid API key.',
          status: 'INVALID_ARGUMENT',
        },
      },
    ],
    'key_rejected',
  ],
  [400, anthropic('This organization has been disabled.', 'invalid_request_error'), 'key_rejected'],
  [
    403,
    openAi('Country, region, or territory not supported', 'unsupported_country_region_territory'),
    'model_refused',
  ],
  [403, openAi('Project does not have access to model `gpt-9`', 'model_not_found'), 'model_refused'],
  [404, openAi('The model `x` does not exist', 'model_not_found'), 'model_refused'],
  [404, anthropic('model: claude-x', 'not_found_error'), 'model_refused'],
  [
    400,
    { object: 'error', message: 'Invalid model: x', type: 'invalid_model', code: '1500' },
    'model_refused',
  ],
  [402, { error: { code: 402, message: 'Insufficient credits' } }, 'quota_exhausted'],
  [
    429,
    openAi('You exceeded your current quota', 'insufficient_quota', 'insufficient_quota'),
    'quota_exhausted',
  ],
  [
    400,
    anthropic('Your credit balance is too low to access the Anthropic API.', 'invalid_request_error'),
    'quota_exhausted',
  ],
  [
    400,
    anthropic('You have reached your specified API usage limits.', 'invalid_request_error'),
    'quota_exhausted',
  ],
  // Limits and load
  [429, openAi('Rate limit reached for gpt-4o', 'rate_limit_exceeded', 'tokens'), 'rate_limited'],
  [429, '', 'rate_limited'],
  [
    429,
    [
      {
        error: {
          code: 429,
          message: 'You exceeded your current quota, please check your plan and billing details.',
          status: 'RESOURCE_EXHAUSTED',
        },
      },
    ],
    'rate_limited',
  ],
  [529, anthropic('Overloaded', 'overloaded_error'), 'overloaded'],
  [503, openAi('The engine is currently overloaded', null, 'server_error'), 'overloaded'],
  [503, 'upstream connect error', 'server_error'],
  [498, '', 'overloaded'],
  // The vendor's faults
  [500, openAi('The server had an error', null, 'server_error'), 'server_error'],
  [502, '<html>Bad gateway</html>', 'server_error'],
  [408, '', 'server_error'],
  [409, '', 'server_error'],
  [425, '', 'server_error'],
  [418, '', 'server_error'],
  [301, '', 'malformed'],
  [204, '', 'malformed'],
  // A 2xx that is none
  [200, { error: { code: 429, message: 'slow down' } }, 'rate_limited'],
  [200, { error: { code: 502, message: 'bad upstream' } }, 'server_error'],
  [200, openAi('no', 'insufficient_quota', 'insufficient_quota'), 'quota_exhausted'],
  [200, anthropic('Overloaded', 'overloaded_error'), 'overloaded'],
  [200, { hello: 'world' }, 'malformed'],
  [200, '<html>login</html>', 'malformed'],
] as const)('%i with %j is %s', (status, body, expected) => {
  expect(classify(status, body).class).toBe(expected)
})

test("a buyer is told what to change, with OpenAI's names for it", () => {
  expect(
    classify(
      400,
      openAi("Unsupported value: 'temperature'", 'unsupported_value', 'invalid_request_error', 'temperature'),
    ),
  ).toEqual({
    class: 'user_error',
    status: 400,
    recognised: true,
    message: "Unsupported value: 'temperature'",
    callerMessage: "Unsupported value: 'temperature'",
    code: 'unsupported_value',
    param: 'temperature',
  })
  expect(classify(400, anthropic('prompt is too long: 9 > 8', 'invalid_request_error'))).toMatchObject({
    code: 'context_length_exceeded',
  })
  expect(classify(400, '').callerMessage).toMatch(/without saying why/)
})

test("a seller's trouble is never told to the buyer", () => {
  for (const status of [401, 402, 403, 404, 429, 500, 503, 529]) {
    const failure = classify(status, openAi('Key sk-abcdef of organization org-12345678 is out of money'))
    expect(failure.callerMessage).toBeUndefined()
    expect(failure.code).toBeUndefined()
  }
})

test('when to come back is read for limits and load, not for refusals', () => {
  expect(classify(429, '', { 'retry-after': '3' }).retryAfterMs).toBe(3000)
  expect(classify(529, '', { 'retry-after': '3' }).retryAfterMs).toBe(3000)
  expect(classify(400, '', { 'retry-after': '3' })).not.toHaveProperty('retryAfterMs')
  expect(classify(429, '', { 'retry-after': '-3' })).not.toHaveProperty('retryAfterMs')
})

test('no body of any kind makes it throw, grow or give a key away', () => {
  const key = 'sk-proj-Abc123Def456Ghi789'
  const leaf = fc.oneof(
    fc.string(),
    fc.integer(),
    fc.constant(null),
    fc.constant(`Bearer ${key}`),
    fc.constant(`bad key ${key}`),
  )
  const error = fc.record(
    { message: leaf, type: leaf, code: leaf, param: leaf, status: leaf },
    { requiredKeys: [] },
  )
  const body = fc.oneof(
    fc.record({ error }),
    error,
    fc.array(fc.record({ error }), { maxLength: 2 }),
    fc.jsonValue(),
  )
  const status = fc.integer({ min: 100, max: 599 })
  fc.assert(
    fc.property(
      status,
      fc.oneof(
        body.map((value) => JSON.stringify(value)),
        fc.string(),
      ),
      (code, text) => {
        const failure = classify(code, text)
        expect(failure.message.length).toBeLessThanOrEqual(2000)
        const told = [failure.callerMessage, failure.code, failure.param].join(' ')
        expect(told).not.toContain('Abc123')
        expect(told.length).toBeLessThan(2000)
        expect(failure.class === 'user_error').toBe(failure.callerMessage !== undefined)
      },
    ),
    { numRuns: 3000 },
  )
})

test("a refusal in a vendor's usual words is known for the buyer's, any other 400 is not", () => {
  for (const body of [
    openAi("Unsupported value: 'temperature'", 'unsupported_value'),
    anthropic('messages: at least one message is required', 'invalid_request_error'),
    [{ error: { code: 400, message: 'Invalid value', status: 'INVALID_ARGUMENT' } }],
    { error: { code: 'content_filter', message: 'The response was filtered' } },
    openAi('This endpoint has a maximum context length of 8192 tokens', null, 'error'),
  ])
    expect(classify(400, body)).toMatchObject({ class: 'user_error', recognised: true })
  for (const body of [
    '',
    'Bad Request',
    { detail: 'not today' },
    { error: { message: 'computer says no' } },
  ]) {
    const failure = classify(400, body)
    expect(failure.class).toBe('user_error')
    expect(failure.recognised).toBeUndefined()
  }
})

test.each([
  ["Invalid value: 'invalid api key'. Supported values are: 'none', 'auto', and 'required'.", 'tool_choice'],
  ['Unrecognized request argument supplied: insufficient quota', undefined],
  ["'incorrect api key' is not one of ['none', 'auto']", undefined],
  ['Unsupported role model not found does not exist', undefined],
  ['messages.0.role: you exceeded your current quota', undefined],
  ['Expected insufficient balance to be a string', undefined],
])('a request cannot take a seller off the market by what its vendor quotes: %s', (message, param) => {
  for (const status of [400, 422, 200])
    expect(
      classifyFailure({
        status,
        headers: {},
        body: Buffer.from(
          JSON.stringify({ error: { message, type: 'invalid_request_error', param, code: 'invalid_value' } }),
        ),
        nowMs: 0,
      }).class,
    ).toBe('user_error')
})

test.each([
  ['Your credit balance is too low to access the Anthropic API.', 'quota_exhausted'],
  [
    'You have reached your specified API usage limits. You will regain access on 2026-12-01.',
    'quota_exhausted',
  ],
  ['API key not valid. Please pass a valid API key.', 'key_rejected'],
  ['This organization has been disabled.', 'key_rejected'],
  ['The model `gpt-9` does not exist or you do not have access to it.', 'model_refused'],
])('what a vendor says of its own about the seller is heard in a 400 too: %s', (message, expected) => {
  const body = Buffer.from(JSON.stringify({ error: { message, type: 'invalid_request_error' } }))
  expect(classifyFailure({ status: 400, headers: {}, body, nowMs: 0 }).class).toBe(expected)
})
