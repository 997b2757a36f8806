/** Whether those who wait for a place are served in the order they came, and not later than they allowed. */
import type { Oracle } from './oracles.ts'
import type { Played, Run } from './run.ts'

/** A timer may be a little late: up to the next whole millisecond. */
const LATE_MS = 2

export const inTurn: Oracle = (run) => [...tooLate(run), ...overtaken(run)]

function waitedMs({ cameMs, admittedMs, endedMs = cameMs, tries }: Played): number {
  return (admittedMs ?? (tries.length === 0 ? endedMs : cameMs)) - cameMs
}

function tooLate({ played, scene }: Run): string[] {
  const mostMs = scene.stall?.forMs ?? 0
  return played
    .filter((one) => waitedMs(one) > one.maxWaitMs + LATE_MS + mostMs)
    .map((one) => `${one.request.requestId} waited ${waitedMs(one)} ms and allowed ${one.maxWaitMs}`)
}

/** Whoever would have been content with the place that somebody behind him in the line got. */
function overtaken({ played }: Run): string[] {
  const lines = new Map<string, Played[]>()
  for (const one of played) {
    if (one.maxWaitMs === 0 || waitedMs(one) === 0) continue
    const { id } = one.request.model
    lines.set(id, [...(lines.get(id) ?? []), one])
  }
  return [...lines.values()].flatMap((line) =>
    line.flatMap((one, at) => overtakenBy(one, line.slice(at + 1))),
  )
}

function overtakenBy(one: Played, behind: readonly Played[]): string[] {
  const stoodUntilMs = one.cameMs + waitedMs(one)
  const faster = behind.find(
    (other) =>
      other.cameMs < stoodUntilMs &&
      other.admittedMs !== undefined &&
      other.admittedMs < stoodUntilMs &&
      other.admittedMs > one.cameMs &&
      isContentWith(one, other),
  )
  if (!faster) return []
  return [
    `${one.request.requestId} stood until ${stoodUntilMs} ms, and ${faster.request.requestId} behind it got a place at ${faster.admittedMs} ms`,
  ]
}

/** `one` asks for no more than `other` does, and for nobody in particular. */
function isContentWith({ request: one }: Played, { request: other }: Played): boolean {
  return (
    Object.keys(one.policy).length === 0 &&
    (one.asks ?? 0) === 0 &&
    one.inputTokens <= other.inputTokens &&
    one.inputTokens + one.maxOutputTokens <= other.inputTokens + other.maxOutputTokens &&
    one.maxOutputTokens <= other.maxOutputTokens &&
    other.fallbackModels === undefined
  )
}
