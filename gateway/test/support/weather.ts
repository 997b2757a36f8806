/** The conversation that tool stories are told with. */
import type OpenAI from 'openai'

export const weather: OpenAI.ChatCompletionFunctionTool = {
  type: 'function',
  function: {
    name: 'get_weather',
    description: 'The weather now',
    parameters: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] },
  },
}
export const question: OpenAI.ChatCompletionUserMessageParam = {
  role: 'user',
  content: 'What is the weather in Paris?',
}
export const toolResult = (call: { id: string }, content: string): OpenAI.ChatCompletionToolMessageParam => ({
  role: 'tool',
  tool_call_id: call.id,
  content,
})

export const functionCalls = (message: OpenAI.ChatCompletionMessage | undefined) =>
  (message?.tool_calls ?? []) as OpenAI.ChatCompletionMessageFunctionToolCall[]

/** Our own member of `usage`. */
export const costIn = (usage: unknown) => (usage as { cost: number }).cost
