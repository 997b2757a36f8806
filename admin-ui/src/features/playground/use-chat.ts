import { useCallback, useEffect, useRef, useState } from 'react'
import { ApiError } from '../../lib/api-error.ts'
import { askChat, type ChatProgress } from './ask-chat.ts'

export interface ChatSettings {
  key: string
  model: string
  system: string
  temperature: number | undefined
  maxTokens: number | undefined
}

export interface Turn {
  id: number
  question: string
  model: string
  answer: ChatProgress | undefined
  state: 'running' | 'done' | 'stopped' | 'failed'
  error?: unknown
}

/** A conversation that lives as long as the page. */
export function useChat() {
  const [turns, setTurns] = useState<readonly Turn[]>([])
  const running = useRef<AbortController | undefined>(undefined)
  const isRunning = turns.at(-1)?.state === 'running'
  useEffect(() => () => running.current?.abort(), [])

  const ask = useCallback(
    (question: string, settings: ChatSettings): void => {
      const controller = new AbortController()
      running.current = controller
      const turn: Turn = {
        id: turns.length,
        question,
        model: settings.model,
        answer: undefined,
        state: 'running',
      }
      const change = (changes: Partial<Turn>): void =>
        setTurns((all) => all.map((each) => (each.id === turn.id ? { ...each, ...changes } : each)))
      setTurns((all) => [...all, turn])
      askChat(
        {
          key: settings.key,
          model: settings.model,
          temperature: settings.temperature,
          maxTokens: settings.maxTokens,
          messages: messagesOf(turns, settings.system, question),
          signal: controller.signal,
        },
        (answer) => change({ answer }),
      ).then(
        () => change({ state: controller.signal.aborted ? 'stopped' : 'done' }),
        (error: unknown) =>
          change(
            error instanceof ApiError && error.details.code === 'stopped'
              ? { state: 'stopped' }
              : { state: 'failed', error },
          ),
      )
    },
    [turns],
  )

  return {
    turns,
    isRunning,
    ask,
    stop: () => running.current?.abort(),
    clear: () => {
      running.current?.abort()
      setTurns([])
    },
  }
}

/** What was said so far; turns without an answer are left out, since no model expects two questions in a row. */
function messagesOf(turns: readonly Turn[], system: string, question: string) {
  return [
    ...(system.trim() === '' ? [] : [{ role: 'system' as const, content: system }]),
    ...turns.flatMap(({ question, answer }) =>
      answer === undefined || answer.text === ''
        ? []
        : [
            { role: 'user' as const, content: question },
            { role: 'assistant' as const, content: answer.text },
          ],
    ),
    { role: 'user' as const, content: question },
  ]
}
