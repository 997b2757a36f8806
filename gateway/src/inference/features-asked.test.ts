import { expect, test } from 'vitest'
import { featuresIn } from '../catalog/features.ts'
import { type ChatRequest, chatRequest } from '../providers/chat.ts'
import { featuresAsked } from './features-asked.ts'

const asked = (change: Record<string, unknown>) =>
  featuresIn(
    featuresAsked(
      chatRequest.parse({
        model: 'm',
        messages: [{ role: 'user', content: 'hi' }],
        ...change,
      }) as ChatRequest,
    ),
  )

test('text in and text out asks for nothing', () => {
  expect(asked({})).toEqual([])
  expect(
    asked({
      tools: [],
      n: 1,
      logprobs: false,
      presence_penalty: 0,
      logit_bias: {},
      response_format: { type: 'text' },
      modalities: ['text'],
      verbosity: 'medium',
      tool_choice: 'auto',
      seed: null,
    }),
  ).toEqual([])
})

test.each([
  [{ tools: [{ type: 'function', function: { name: 'f' } }] }, ['tools']],
  [
    { tools: [{ type: 'function', function: { name: 'f' } }], tool_choice: 'required' },
    ['tools', 'tool_choice'],
  ],
  [{ response_format: { type: 'json_schema', json_schema: {} } }, ['json_schema']],
  [{ response_format: { type: 'json_object' } }, ['json_object']],
  [{ n: 2, logprobs: true, seed: 7 }, ['n', 'logprobs', 'seed']],
  [{ temperature: 0, top_p: 0.5, stop: 'x' }, ['stop', 'temperature', 'top_p']],
  [{ frequency_penalty: 0.1 }, ['penalties']],
  [{ reasoning_effort: 'low' }, ['reasoning']],
  [{ modalities: ['text', 'audio'], audio: {} }, ['audio_output']],
  [
    { messages: [{ role: 'user', content: [{ type: 'image_url', image_url: { url: 'data:' } }] }] },
    ['vision'],
  ],
  [
    {
      messages: [
        { role: 'user', content: [{ type: 'input_audio' }] },
        { role: 'user', content: [{ type: 'text', text: 'a' }, { type: 'file' }] },
      ],
    },
    ['audio_input', 'files'],
  ],
])('%j asks for %j', (change, expected) => {
  expect(asked(change)).toEqual(expected)
})
