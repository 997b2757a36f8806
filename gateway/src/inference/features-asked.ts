/** Which features a chat request asks for. Pure. */
import { type Feature, featureMask } from '../catalog/features.ts'
import type { ChatRequest } from '../providers/chat.ts'

const isSet = (value: unknown) => value !== undefined && value !== null

// Members whose mere presence asks for the feature of the same name.
const MEMBERS = [
  'seed',
  'stop',
  'temperature',
  'top_p',
  'top_k',
  'min_p',
  'top_a',
  'repetition_penalty',
  'prediction',
  'parallel_tool_calls',
] as const satisfies readonly Feature[]

const PARTS: Readonly<Record<string, Feature>> = {
  image_url: 'vision',
  input_image: 'vision',
  input_audio: 'audio_input',
  file: 'files',
  input_file: 'files',
}

/** Bits of catalog/features.ts. */
export function featuresAsked(request: ChatRequest): number {
  const asked: Feature[] = MEMBERS.filter((member) => isSet(request[member]))
  if (request.tools && request.tools.length > 0) {
    asked.push('tools')
    const choice = request.tool_choice
    if (isSet(choice) && choice !== 'auto' && choice !== 'none') asked.push('tool_choice')
  }
  const format = request.response_format?.type
  if (format === 'json_object' || format === 'json_schema') asked.push(format)
  if ((request.n ?? 1) > 1) asked.push('n')
  if (request.logprobs === true) asked.push('logprobs')
  if (request.presence_penalty || request.frequency_penalty) asked.push('penalties')
  if (isSet(request.reasoning_effort) || isSet(request.reasoning)) asked.push('reasoning')
  if (isSet(request.verbosity) && request.verbosity !== 'medium') asked.push('verbosity')
  if (Array.isArray(request.modalities) && request.modalities.includes('audio')) asked.push('audio_output')
  if (typeof request.logit_bias === 'object' && Object.keys(request.logit_bias ?? {}).length > 0)
    asked.push('logit_bias')
  return featureMask(asked) | partsAsked(request.messages)
}

function partsAsked(messages: ChatRequest['messages']): number {
  let mask = 0
  for (const { content } of messages) {
    if (!Array.isArray(content)) continue
    for (const { type } of content) {
      const feature = PARTS[type]
      if (feature) mask |= featureMask([feature])
    }
  }
  return mask
}
