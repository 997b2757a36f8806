/**
 * Names what a refused or broken answer means, for every vendor: their status codes agree more or less, their
 * bodies do not. What follows from a class is one table in routing/.
 */
import { isObject, type JsonObject } from './openai-message.ts'
import type { UpstreamFailure } from './outcome.ts'
import type { Headers } from './provider.ts'
import { redact } from './redact.ts'
import { retryHintMs } from './retry-hint.ts'

// The log needs the beginning; a hostile body must not fill it.
const MAX_MESSAGE = 2000
const MAX_BODY = 64 * 1024

type FailureClass = UpstreamFailure['class']

export interface FailedAnswer {
  status: number
  headers: Headers
  body: Buffer
  nowMs: number
}

/** What a non-2xx answer means, or a 2xx that holds an error or no answer. */
export function classifyFailure({ status, headers, body, nowMs }: FailedAnswer): UpstreamFailure {
  const text = body.subarray(0, MAX_BODY).toString()
  const error = readError(text)
  const meant = status >= 200 && status < 300 ? error.status : status
  const failure = describe({ class: classOf(meant, error), status, error, text })
  const mayWait =
    failure.class === 'rate_limited' || failure.class === 'overloaded' || failure.class === 'server_error'
  const retryAfterMs = mayWait ? retryHintMs(headers, nowMs) : undefined
  return retryAfterMs === undefined ? failure : { ...failure, retryAfterMs }
}

/** What an error inside a stream means. The answer had begun, so nothing of it is the buyer's fault unless it says so. */
export function classifyStreamError(event: JsonObject): UpstreamFailure {
  const text = JSON.stringify(event.error ?? event).slice(0, MAX_BODY)
  const error = readError(JSON.stringify({ error: event.error ?? event }))
  const found = classOf(error.status, error)
  const isTold = found !== 'malformed' && (found !== 'user_error' || callerCode(error) !== undefined)
  return describe({ class: isTold ? found : 'server_error', status: undefined, error, text })
}

interface UpstreamError {
  message: string
  /** Type, code and status words, in lower case, to look for signs in. */
  words: string
  code: string | undefined
  param: string | undefined
  /** A status that the body names. */
  status: number | undefined
  isJson: boolean
}

/** OpenAI's `{error: {…}}`, Anthropic's, Google's list of one, Ollama's and xAI's text, FastAPI's `detail`. */
function readError(text: string): UpstreamError {
  let body: unknown
  try {
    body = JSON.parse(text)
  } catch {
    return {
      message: text.slice(0, MAX_MESSAGE),
      words: '',
      code: undefined,
      param: undefined,
      status: undefined,
      isJson: false,
    }
  }
  const outer = Array.isArray(body) ? body[0] : body
  if (!isObject(outer))
    return { message: '', words: '', code: undefined, param: undefined, status: undefined, isJson: true }
  const error: JsonObject = isObject(outer.error) ? outer.error : outer
  const message = [error.message, outer.error, outer.detail, outer.message].find(
    (value) => typeof value === 'string' && value !== '',
  )
  const words = [error.type, error.code, error.status, outer.code, outer.type].filter(
    (word) => typeof word === 'string',
  )
  const numbers = [error.code, error.status, error.status_code, outer.code, outer.status].map(Number)
  return {
    message: typeof message === 'string' ? message : JSON.stringify(outer.detail ?? ''),
    words: words.join(' ').toLowerCase(),
    code: typeof error.code === 'string' ? error.code : undefined,
    param: typeof error.param === 'string' ? error.param : undefined,
    status: numbers.find((number) => Number.isInteger(number) && number >= 400 && number <= 599),
    isJson: true,
  }
}

// Signs are looked for in the code words first; messages change, and a buyer's prompt may be quoted in them.
const signs = {
  context: {
    words: /context_length|string_above_max|context_window/,
    message:
      /maximum context length|context length exceeded|context window|prompt is too long|input is too long|reduce the length of/i,
  },
  filter: {
    words:
      /content_filter|content_policy|contentpolicy|responsibleai|data_inspection|moderation|safety_violation/,
    message:
      /content (?:management )?policy|content filter|flagged (?:for|as|by)|requires moderation|inappropriate content/i,
  },
  quota: {
    words:
      /insufficient_quota|billing|payment_required|insufficient_balance|insufficient_credit|exceeded_current_quota|spend_limit|credit_balance/,
    message:
      /credit balance is too low|insufficient (?:balance|credits?|quota|funds)|exceeded your current quota|billing|usage limits|spending limit|used all available credits|out of credits|requires more credits/i,
  },
  key: {
    words:
      /invalid_api_key|api_key_invalid|authentication|invalid_authentication|account_deactivated|unauthenticated/,
    message:
      /api key not valid|invalid api key|incorrect api key|(?:organization|account) has been (?:disabled|deactivated)/i,
  },
  model: {
    words:
      /model_not_found|model_not_exist|unsupported_country|not_found_error|invalid_model|model_not_available|model_decommissioned/,
    message:
      /(?:model|deployment)\b.{0,120}(?:not found|does not exist|not exist|no longer|not available|not supported in|decommissioned|deprecated)|invalid model|unknown model|no access to model|not have access to (?:the )?model|country, region|location is not supported/i,
  },
  overloaded: {
    words: /overloaded|capacity_exceeded|engine_overloaded|model_overloaded|slow_down/,
    message: /overload|at capacity|over capacity|capacity exceeded|too busy|server is busy|high demand/i,
  },
  rate: {
    words: /rate_limit|too_many_requests|rate_limited|resource_exhausted/,
    message: /rate limit|too many requests/i,
  },
} as const

function shows(sign: keyof typeof signs, { words, message }: UpstreamError): boolean {
  return signs[sign].words.test(words) || signs[sign].message.test(message.slice(0, MAX_MESSAGE))
}

/** As much of a sentence as may stand before its sign: "This organization has", "You have reached your specified API". */
const OPENING = /^[\w\s,.-]{0,40}$/
// Openings of sentences about what the caller sent, which may quote anything of it.
const ABOUT_THE_REQUEST =
  /invalid|expect|unsupported|unknown|unrecognized|should|must|input|param|argument|field|tool/i

/**
 * True when the vendor's own words show `sign`: its codes, or the opening of its message. What stands in quotes, or behind
 * a colon, may be the buyer's, who could otherwise have every seller's listing taken off the market with one request.
 */
function says(sign: 'quota' | 'key' | 'model', { words, message, param }: UpstreamError): boolean {
  if (signs[sign].words.test(words)) return true
  if (param !== undefined && param !== 'model') return false
  const own = message.slice(0, MAX_MESSAGE).replace(/'[^']*'|"[^"]*"|`[^`]*`/g, ' ')
  const at = own.search(signs[sign].message)
  if (at < 0) return false
  const before = own.slice(0, at).replace(/^\s*error:?\s*/i, '')
  return OPENING.test(before) && !ABOUT_THE_REQUEST.test(before)
}

function classOf(status: number | undefined, error: UpstreamError): FailureClass {
  if (status === undefined) return classByWords(error)
  switch (status) {
    case 400:
    case 413:
    case 415:
    case 422:
      return classOfRefusal(error)
    case 401:
      return 'key_rejected'
    case 402:
      return 'quota_exhausted'
    case 403:
      if (shows('filter', error)) return 'user_error'
      if (says('quota', error)) return 'quota_exhausted'
      return says('model', error) ? 'model_refused' : 'key_rejected'
    case 404:
    case 410:
    case 451:
      return 'model_refused'
    case 429:
      // Google says "exceeded your current quota" for a minute's limit too.
      if (error.words.includes('resource_exhausted')) return 'rate_limited'
      return shows('quota', error) ? 'quota_exhausted' : 'rate_limited'
    // Groq's word for a full flex tier.
    case 498:
    case 529:
      return 'overloaded'
    case 503:
      return shows('overloaded', error) ? 'overloaded' : 'server_error'
  }
  if (status < 400) return 'malformed'
  return error.words.includes('overloaded_error') ? 'overloaded' : 'server_error'
}

/** A 400 is the buyer's, unless it is about the seller's money, key or model: some vendors send those as 400 too. */
function classOfRefusal(error: UpstreamError): FailureClass {
  if (shows('context', error) || shows('filter', error)) return 'user_error'
  if (says('quota', error)) return 'quota_exhausted'
  if (says('key', error)) return 'key_rejected'
  return says('model', error) ? 'model_refused' : 'user_error'
}

function classByWords(error: UpstreamError): FailureClass {
  // A page, or an answer that was cut: what it talks about is not what happened.
  if (!error.isJson) return 'malformed'
  if (error.words === '' && error.message === '') return 'malformed'
  if (shows('context', error) || shows('filter', error)) return 'user_error'
  if (says('quota', error)) return 'quota_exhausted'
  if (/overloaded/.test(error.words)) return 'overloaded'
  if (shows('rate', error)) return 'rate_limited'
  if (signs.key.words.test(error.words) || /permission_error/.test(error.words)) return 'key_rejected'
  if (signs.model.words.test(error.words)) return 'model_refused'
  if (/invalid_request/.test(error.words)) return 'user_error'
  return /api_error|server_error|internal|timeout/.test(error.words) ? 'server_error' : 'malformed'
}

interface Description {
  class: FailureClass
  status: number | undefined
  error: UpstreamError
  text: string
}

function describe({ class: failureClass, status, error, text }: Description): UpstreamFailure {
  const failure: UpstreamFailure = {
    class: failureClass,
    message: (error.message || text).slice(0, MAX_MESSAGE),
    ...(status === undefined ? {} : { status }),
  }
  if (failureClass !== 'user_error') return failure
  const code = callerCode(error) ?? plainWord(error.code)
  const param = plainWord(error.param)
  failure.callerMessage = redact(error.message) || 'The provider refused this request without saying why.'
  if (isRecognised(error)) failure.recognised = true
  if (code !== undefined) failure.code = code
  if (param !== undefined) failure.param = param
  return failure
}

// What vendors call a request that is at fault, in their own types, codes and statuses.
const REFUSAL_WORDS =
  /invalid_request|invalid_argument|invalid_value|invalid_type|invalid_param|invalid_image|invalid_prompt|bad_request|bad_response_format|unsupported_|missing_required|failed_precondition|out_of_range|string_above_max|array_above_max|validation/

/** True for a refusal in words that vendors use for the caller's mistakes; another 400 may be the seller's. */
function isRecognised(error: UpstreamError): boolean {
  return callerCode(error) !== undefined || REFUSAL_WORDS.test(error.words)
}

function callerCode(error: UpstreamError): string | undefined {
  if (shows('context', error)) return 'context_length_exceeded'
  return shows('filter', error) ? 'content_filter' : undefined
}

/** Codes and field names are short and plain; anything else might carry more than it says. */
function plainWord(word: string | undefined): string | undefined {
  return word !== undefined && /^[\w.[\]-]{1,64}$/.test(word) && redact(word) === word ? word : undefined
}
