/** What went wrong with a call to the gateway, in words for the person who made it. */
export interface ApiErrorDetails {
  /** HTTP status; 0 when no answer arrived. */
  status: number
  /** The gateway's error code, or `unreachable`, `timed_out`, `unreadable_answer`. */
  code: string
  /** `x-request-id`, to quote to an operator. */
  requestId?: string
  /** The field of the request that is wrong. */
  param?: string
  retryable: boolean
  cause?: unknown
}

export class ApiError extends Error {
  readonly details: ApiErrorDetails

  constructor(message: string, details: ApiErrorDetails) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause })
    this.name = 'ApiError'
    this.details = details
  }
}

interface ErrorBody {
  message?: unknown
  code?: unknown
  param?: unknown
  retryable?: unknown
  request_id?: unknown
}

/** Reads a refusal: the gateway's error body when there is one, else what the status alone says. */
export function errorOfAnswer(status: number, headers: Headers, text: string): ApiError {
  const body = errorBodyOf(text)
  const requestId = headers.get('x-request-id') ?? stringOr(body.request_id)
  const param = stringOr(body.param)
  return new ApiError(stringOr(body.message) ?? silentAnswer(status), {
    status,
    code: stringOr(body.code) ?? `http_${status}`,
    ...(requestId ? { requestId } : {}),
    ...(param ? { param } : {}),
    retryable: typeof body.retryable === 'boolean' ? body.retryable : status >= 500 || status === 429,
  })
}

/** Anything thrown as an `ApiError`, so that every page shows the same three things. */
export function toApiError(thrown: unknown): ApiError {
  if (thrown instanceof ApiError) return thrown
  return new ApiError(
    'The console failed to show this. Reload the page; if it happens again, tell an operator.',
    {
      status: 0,
      code: 'console_failed',
      retryable: true,
      cause: thrown,
    },
  )
}

function silentAnswer(status: number): string {
  if (status >= 500) return `The gateway answered ${status} without saying why. Try again in a moment.`
  return `The gateway refused this with status ${status} and did not say why.`
}

function errorBodyOf(text: string): ErrorBody {
  try {
    const parsed: unknown = JSON.parse(text)
    const error =
      typeof parsed === 'object' && parsed !== null && 'error' in parsed ? parsed.error : undefined
    return typeof error === 'object' && error !== null ? error : {}
  } catch {
    // A proxy in front of the gateway may answer in HTML; the status has to do.
    return {}
  }
}

function stringOr(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined
}
