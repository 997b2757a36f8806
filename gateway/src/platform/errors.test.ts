import { expect, test } from 'vitest'
import { errorBody, errorCatalogue, errorHeaders, GatewayError, toGatewayError } from './errors.ts'

test("a caller reads OpenAI's error shape, with whose fault it is, whether to retry and the request's id", () => {
  const error = new GatewayError('model_not_found', "No model named 'gpt-5o'. GET /v1/models lists them.", {
    param: 'model',
  })
  expect(JSON.parse(errorBody(error, 'gen-1'))).toEqual({
    error: {
      message: "No model named 'gpt-5o'. GET /v1/models lists them.",
      type: 'invalid_request_error',
      param: 'model',
      code: 'model_not_found',
      whose: 'buyer',
      retryable: false,
      request_id: 'gen-1',
    },
  })
})

test('a cause is for our log: it is not in the body', () => {
  const error = new GatewayError('unavailable', 'The database does not answer. Retry.', {
    cause: new Error('password=hunter2'),
  })
  expect(errorBody(error, 'gen-1')).not.toContain('hunter2')
  expect((error.cause as Error).message).toContain('hunter2')
})

test('what somebody else threw becomes 500 and says nothing of itself', () => {
  for (const thrown of [
    new Error('secret detail'),
    'secret detail',
    undefined,
    null,
    { message: 'secret detail' },
  ]) {
    const error = toGatewayError(thrown)
    expect(error.status).toBe(500)
    expect(errorBody(error, 'gen-1')).not.toContain('secret detail')
    expect(error.cause).toBe(thrown)
  }
})

test('an error of ours stays itself', () => {
  const error = new GatewayError('forbidden', 'no')
  expect(toGatewayError(error)).toBe(error)
})

test('no money is 402, not to be retried, by the code that SDKs know', () => {
  const error = new GatewayError('insufficient_quota', 'No money.')
  expect(error.status).toBe(402)
  expect(JSON.parse(errorBody(error, 'x')).error).toMatchObject({
    type: 'insufficient_quota',
    code: 'insufficient_quota',
  })
  expect(errorHeaders(error)).toEqual({ 'x-should-retry': 'false' })
})

test('a wait is told in whole seconds, rounded up, and in milliseconds', () => {
  const headers = (retryAfterMs: number) =>
    errorHeaders(new GatewayError('rate_limit_exceeded', 'Wait.', { retryAfterMs }))
  expect(headers(1200)).toEqual({ 'retry-after': '2', 'retry-after-ms': '1200', 'x-should-retry': 'true' })
  expect(headers(0.2)).toMatchObject({ 'retry-after': '1', 'retry-after-ms': '1' })
})

test('a wait that SDKs would cut short is not to be retried at all', () => {
  const headers = (retryAfterMs: number) =>
    errorHeaders(new GatewayError('rate_limit_exceeded', 'Wait.', { retryAfterMs }))
  expect(headers(60_000)['x-should-retry']).toBe('true')
  expect(headers(60_001)['x-should-retry']).toBe('false')
})

test('one error can be worth retrying although its kind is not, and the other way round', () => {
  const retry = new GatewayError('conflict', 'Somebody was faster. Retry.', { retryable: true })
  expect(errorHeaders(retry)['x-should-retry']).toBe('true')
  expect(JSON.parse(errorBody(retry, 'x')).error.retryable).toBe(true)
  expect(new GatewayError('unavailable', 'x', { retryable: false }).retryable).toBe(false)
})

test('facts for programs are sent as metadata, and only when there are any', () => {
  const body = (metadata?: Record<string, string>) =>
    JSON.parse(errorBody(new GatewayError('insufficient_quota', 'x', metadata ? { metadata } : {}), 'x'))
  expect(body({ availableNanos: '12' }).error.metadata).toEqual({ availableNanos: '12' })
  expect(body().error).not.toHaveProperty('metadata')
})

test('the catalogue: a fault of the caller is 4xx and an infrastructure fault is 5xx, never 401 or 402', () => {
  for (const [code, { status, whose, retryable, type }] of Object.entries(errorCatalogue)) {
    const theirs = whose === 'buyer' || whose === 'key'
    expect(status >= 400 && status < 500, code).toBe(theirs)
    if (status >= 500) expect({ retryable, type }, code).toMatchObject({ type: 'server_error' })
    if (status === 400 || status === 401 || status === 402 || status === 403 || status === 404)
      expect(retryable, code).toBe(false)
  }
})
