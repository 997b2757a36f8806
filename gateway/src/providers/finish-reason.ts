/** Why a model stopped, in OpenAI's five words. */

const words = new Map(
  Object.entries({
    stop: 'stop',
    length: 'length',
    tool_calls: 'tool_calls',
    content_filter: 'content_filter',
    function_call: 'function_call',
    // Anthropic
    end_turn: 'stop',
    stop_sequence: 'stop',
    pause_turn: 'stop',
    max_tokens: 'length',
    model_context_window_exceeded: 'length',
    tool_use: 'tool_calls',
    refusal: 'content_filter',
    // Gemini, Mistral, Together, Zhipu and servers of open models
    eos: 'stop',
    eos_token: 'stop',
    completed: 'stop',
    max_output_tokens: 'length',
    model_length: 'length',
    tool_call: 'tool_calls',
    safety: 'content_filter',
    recitation: 'content_filter',
    blocklist: 'content_filter',
    prohibited_content: 'content_filter',
    spii: 'content_filter',
    sensitive: 'content_filter',
  }),
)

// Words that say the answer was broken off by the upstream: it is not a whole answer.
const failures = new Set(['error', 'abort', 'network_error', 'insufficient_system_resource'])

/** True when the upstream says that it gave up. */
export function isFailedFinish(word: unknown): boolean {
  return typeof word === 'string' && failures.has(word.toLowerCase())
}

/** `word` as OpenAI says it; words nobody knows, and none at all, mean that the model simply finished. */
export function mapFinishReason(word: unknown, hasToolCalls: boolean): string {
  const known = typeof word === 'string' ? words.get(word.toLowerCase()) : undefined
  return known ?? (hasToolCalls ? 'tool_calls' : 'stop')
}
