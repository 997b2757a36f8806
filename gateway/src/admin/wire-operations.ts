/** What the model API at `/v1` answers, for the reference; its routes are those of OpenAI and OpenRouter. */
import { z } from 'zod'
import { operation } from '../http/operation.ts'
import { chatRequest } from '../providers/chat.ts'

const completion = z
  .looseObject({
    id: z.string().meta({ description: '`gen-…`: the request, for its route, its receipt and support.' }),
    object: z.literal('chat.completion'),
    created: z.int(),
    model: z.string(),
    choices: z.array(
      z.looseObject({
        index: z.int(),
        message: z.looseObject({ role: z.string(), content: z.string().nullable() }),
        finish_reason: z.string().nullable(),
      }),
    ),
    usage: z.looseObject({
      prompt_tokens: z.int(),
      completion_tokens: z.int(),
      total_tokens: z.int(),
    }),
  })
  .meta({ id: 'ChatCompletion' })

const model = z
  .looseObject({
    id: z.string(),
    object: z.literal('model'),
    created: z.int(),
    owned_by: z.string(),
    name: z.string(),
    aliases: z.array(z.string()),
    context_length: z.int().nullable(),
    max_output_tokens: z.int(),
    pricing: z.looseObject({ prompt: z.string(), completion: z.string() }).optional(),
  })
  .meta({
    id: 'Model',
    description: 'OpenAI’s fields, with prices in USD per token as OpenRouter writes them.',
  })

const data = <Shape extends z.ZodType>(shape: Shape) => z.strictObject({ data: shape })

export const createChatCompletion = operation({
  method: 'post',
  path: '/v1/chat/completions',
  summary: 'Ask a model; the best offer answers',
  description:
    'OpenAI’s request and answer. `stream: true` answers as server-sent events. Also read: `provider`, `models`, `max_cost`, `max_wait_ms`, and the suffixes `:floor` and `:nitro`. Fields that the gateway does not act on reach the provider as they were sent. The same route answers at `/api/v1` and without a base.',
  access: 'caller',
  ownBody: chatRequest.meta({ id: 'ChatRequest' }),
  answer: completion,
})

export const listUsableModels = operation({
  method: 'get',
  path: '/v1/models',
  summary: 'The models this key may call now',
  access: 'caller',
  answer: z.strictObject({ object: z.literal('list'), data: z.array(model) }),
})

export const getUsableModel = operation({
  method: 'get',
  path: '/v1/models/:id',
  summary: 'One model',
  description: 'The id contains a slash; send it raw or encoded.',
  access: 'caller',
  answer: model,
})

export const getGeneration = operation({
  method: 'get',
  path: '/v1/generation',
  summary: 'What was booked for a request, in OpenRouter’s fields',
  access: 'caller',
  query: z.strictObject({ id: z.string() }),
  answer: data(z.looseObject({ id: z.string(), model: z.string(), total_cost: z.number() })),
})

export const getCredits = operation({
  method: 'get',
  path: '/v1/credits',
  summary: 'What was put in and what was spent, in USD',
  description: 'For keys with the scope `read`.',
  access: 'caller',
  answer: data(z.strictObject({ total_credits: z.number(), total_usage: z.number() })),
})

export const getKeyInUse = operation({
  method: 'get',
  path: '/v1/key',
  summary: 'What the calling key is, has spent and may still spend',
  access: 'caller',
  answer: data(z.looseObject({ label: z.string(), usage: z.number(), limit: z.number().nullable() })),
})
