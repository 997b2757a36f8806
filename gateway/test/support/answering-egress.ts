/** A door out that leads nowhere: answers what the marketplace asks upstreams, well unless a test says otherwise. */
import type { Egress, EgressCall, EgressTarget } from '../../src/egress/egress.ts'
import type { Exchange, ExchangeFailure } from '../../src/egress/exchange.ts'
import { answerToVerification } from './verification.ts'

export type EgressAnswer =
  | { status: number; body: string; headers?: Record<string, string> }
  | { failure: ExchangeFailure['class'] }

export interface AnsweringEgress extends Pick<Egress, 'send' | 'get'> {
  /** What was asked, oldest first. */
  asked: { target: EgressTarget; call: EgressCall }[]
  /** The next answers; `undefined` from it means the good one. */
  answer: (call: EgressCall, target: EgressTarget) => EgressAnswer | Promise<EgressAnswer> | undefined
}

export function createAnsweringEgress(): AnsweringEgress {
  const door: AnsweringEgress = {
    asked: [],
    answer: () => undefined,
    send(target, call, _limits, handler) {
      let aborted = false
      door.asked.push({ target, call })
      void Promise.resolve(door.answer(call, target) ?? goodAnswer(call)).then((answer) => {
        if (aborted) return
        if ('failure' in answer) {
          handler.onFailure({ class: answer.failure, message: 'as the test wants it' })
          return
        }
        handler.onHeaders(answer.status, { 'content-type': 'application/json', ...answer.headers })
        handler.onData(Buffer.from(answer.body))
        handler.onEnd()
      })
      return {
        abort: () => {
          aborted = true
        },
      } as Exchange
    },
    get: (baseUrl, path, limits, handler) =>
      door.send({ baseUrl } as EgressTarget, { method: 'GET', path, headers: {} }, limits, handler),
  }
  return door
}

function goodAnswer({ path, body }: EgressCall): EgressAnswer {
  const answer = answerToVerification(path, body?.toString() ?? '')
  return answer === undefined ? { status: 404, body: '{}' } : { status: 200, body: answer }
}
