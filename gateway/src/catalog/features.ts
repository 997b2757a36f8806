/**
 * What a request may ask of a model beyond text in and text out, by the names that OpenAI's and OpenRouter's clients use.
 * At most 31, so that a set of them is one small integer.
 */
export const features = [
  'tools',
  'tool_choice',
  'parallel_tool_calls',
  'vision',
  'audio_input',
  'audio_output',
  'files',
  'json_object',
  'json_schema',
  'reasoning',
  'n',
  'logprobs',
  'logit_bias',
  'penalties',
  'seed',
  'stop',
  'temperature',
  'top_p',
  'top_k',
  'min_p',
  'top_a',
  'repetition_penalty',
  'prediction',
  'verbosity',
] as const

export type Feature = (typeof features)[number]

const bits = new Map<string, number>(features.map((feature, index) => [feature, 1 << index]))

/** A set of features as bits; names that are none are left out. */
export function featureMask(names: readonly string[]): number {
  let mask = 0
  for (const name of names) mask |= bits.get(name) ?? 0
  return mask
}

/** The features in `mask`, in the list's order. */
export function featuresIn(mask: number): Feature[] {
  return features.filter((_, index) => (mask & (1 << index)) !== 0)
}

const members: Partial<Record<Feature, string>> = {
  vision: 'messages',
  audio_input: 'messages',
  files: 'messages',
  audio_output: 'modalities',
  json_object: 'response_format',
  json_schema: 'response_format',
  reasoning: 'reasoning_effort',
  penalties: 'presence_penalty',
}

/** The member of a chat request that asks for `feature`. */
export function memberFor(feature: Feature): string {
  return members[feature] ?? feature
}
