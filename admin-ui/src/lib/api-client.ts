import { ApiError, errorOfAnswer } from './api-error.ts'

/** A person waits no longer for a page of JSON. */
const answerWithinMs = 30_000

export interface ApiRequest {
  method?: 'GET' | 'POST' | 'PATCH' | 'PUT' | 'DELETE'
  body?: unknown
  headers?: Readonly<Record<string, string>>
  signal?: AbortSignal
  /** Sent without a token, and a 401 is the answer rather than a reason to renew one. */
  anonymous?: boolean
  /** `false`: a 401 is final. For calls that are part of renewing, which would wait for themselves. */
  renew?: false
}

export interface ApiClient {
  /** Calls `/api…` and gives `read` the parsed JSON (`undefined` for an empty answer). Throws `ApiError`. */
  call<Answer>(path: string, read: (json: unknown) => Answer, request?: ApiRequest): Promise<Answer>
  /** A file of type `accept`, for a person to keep. Throws `ApiError`. */
  download(path: string, accept: string): Promise<Blob>
  /** An event stream, when it has begun; it ends with `signal`. Throws `ApiError`. */
  follow(path: string, headers: Readonly<Record<string, string>>, signal: AbortSignal): Promise<Response>
  setToken(token: string | undefined): void
}

export interface ApiClientDeps {
  fetch: typeof fetch
  /** Asks for a fresh token after a 401; `undefined` means that the session is over. */
  renewToken: () => Promise<string | undefined>
}

/** The one place that talks to the gateway. The token lives in this closure and nowhere else. */
export function createApiClient(deps: ApiClientDeps): ApiClient {
  let token: string | undefined
  let renewal: Promise<string | undefined> | undefined

  /** Many queries meet the same expired token; they share one renewal. */
  function renewOnce(): Promise<string | undefined> {
    renewal ??= deps.renewToken().finally(() => {
      renewal = undefined
    })
    return renewal
  }

  async function ask(path: string, request: ApiRequest): Promise<Answer> {
    const used = request.anonymous ? undefined : token
    let answer = await send(deps.fetch, path, request, used)
    if (answer.status === 401 && used !== undefined && request.renew !== false && !isWrongSecret(answer)) {
      // Another call may have renewed it while this one was under way.
      token = token !== used ? token : await renewOnce()
      if (token !== undefined) answer = await send(deps.fetch, path, request, token)
    }
    if (answer.status < 200 || answer.status > 299)
      throw errorOfAnswer(answer.status, answer.headers, answer.text)
    return answer
  }

  return {
    call: async (path, read, request = {}) => readAnswer(await ask(path, request), read),
    download: async (path, accept) => {
      const { text } = await ask(path, { headers: { accept } })
      return new Blob([text], { type: accept })
    },
    async follow(path, headers, signal) {
      const open = (): Promise<Response> =>
        openStream(deps.fetch, path, { ...headers, authorization: `Bearer ${token}` }, signal)
      const used = token
      let answer = await open()
      if (answer.status === 401) {
        token = token !== used ? token : await renewOnce()
        answer = await open()
      }
      if (!answer.ok) throw errorOfAnswer(answer.status, answer.headers, await answer.text())
      return answer
    },
    setToken: (fresh) => {
      token = fresh
    },
  }
}

/** A password or a code that was typed wrongly: a fresh token would not make it right, and each try counts. */
function isWrongSecret({ status, headers, text }: Answer): boolean {
  return errorOfAnswer(status, headers, text).details.code === 'invalid_credentials'
}

interface Answer {
  status: number
  headers: Headers
  text: string
}

async function send(
  fetchIt: typeof fetch,
  path: string,
  request: ApiRequest,
  token: string | undefined,
): Promise<Answer> {
  const deadline = AbortSignal.timeout(answerWithinMs)
  const headers: Record<string, string> = { accept: 'application/json', ...request.headers }
  if (token !== undefined) headers.authorization = `Bearer ${token}`
  if (request.body !== undefined) headers['content-type'] = 'application/json'
  try {
    const response = await fetchIt(path, {
      method: request.method ?? 'GET',
      headers,
      credentials: 'same-origin',
      cache: 'no-store',
      signal: request.signal ? AbortSignal.any([request.signal, deadline]) : deadline,
      ...(request.body === undefined ? {} : { body: JSON.stringify(request.body) }),
    })
    return { status: response.status, headers: response.headers, text: await response.text() }
  } catch (cause) {
    if (request.signal?.aborted) throw cause
    throw deadline.aborted ? timedOut(cause) : unreachable(cause)
  }
}

/** Without a deadline: it lasts as long as somebody looks. */
async function openStream(
  fetchIt: typeof fetch,
  path: string,
  headers: Readonly<Record<string, string>>,
  signal: AbortSignal,
): Promise<Response> {
  try {
    return await fetchIt(path, {
      headers: { accept: 'text/event-stream', ...headers },
      credentials: 'same-origin',
      cache: 'no-store',
      signal,
    })
  } catch (cause) {
    if (signal.aborted) throw cause
    throw unreachable(cause)
  }
}

function readAnswer<Result>(answer: Answer, read: (json: unknown) => Result): Result {
  try {
    return read(answer.text === '' ? undefined : JSON.parse(answer.text))
  } catch (cause) {
    const requestId = answer.headers.get('x-request-id')
    throw new ApiError(
      `The gateway sent an answer that this console does not understand. Reload the page to get the console that belongs to this gateway.`,
      {
        status: answer.status,
        code: 'unreadable_answer',
        ...(requestId ? { requestId } : {}),
        retryable: false,
        cause,
      },
    )
  }
}

function timedOut(cause: unknown): ApiError {
  const message = `The gateway did not answer within ${answerWithinMs / 1000} s. Try again in a moment.`
  return new ApiError(message, { status: 0, code: 'timed_out', retryable: true, cause })
}

function unreachable(cause: unknown): ApiError {
  return new ApiError(
    'The gateway cannot be reached. Check that it is running and that you are online, then try again.',
    {
      status: 0,
      code: 'unreachable',
      retryable: true,
      cause,
    },
  )
}
