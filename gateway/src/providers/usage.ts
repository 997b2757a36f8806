/**
 * Token counts in disjoint classes: every billable token is in exactly one of them. `reasoning` is a note on
 * `output`, not a class of its own. OpenAI's `prompt_tokens` includes cached tokens, Anthropic's `input_tokens`
 * excludes them; each adapter maps its own shape here.
 */
export interface Usage {
  uncachedInput: number
  cacheRead: number
  cacheWrite5m: number
  cacheWrite1h: number
  audioInput: number
  /** Every completion token that is not audio, reasoning included. */
  output: number
  audioOutput: number
  /** Part of `output`. */
  reasoning: number
}

export const noUsage: Usage = {
  uncachedInput: 0,
  cacheRead: 0,
  cacheWrite5m: 0,
  cacheWrite1h: 0,
  audioInput: 0,
  output: 0,
  audioOutput: 0,
  reasoning: 0,
}

/** Prompt tokens in OpenAI's sense: every input class together. */
export function inputTokens(usage: Usage): number {
  return usage.uncachedInput + usage.cacheRead + usage.cacheWrite5m + usage.cacheWrite1h + usage.audioInput
}

/** Completion tokens in OpenAI's sense. */
export function outputTokens(usage: Usage): number {
  return usage.output + usage.audioOutput
}
