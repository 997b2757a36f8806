/** Models that the demo sellers offer, and what the demo upstream calls them. */
export const demoModels: readonly { model: string; upstreamModel: string }[] = [
  'openai/gpt-4o-mini',
  'openai/gpt-4o',
  'openai/gpt-4.1',
  'openai/gpt-4.1-mini',
  'openai/gpt-5-mini',
  'openai/o4-mini',
  'anthropic/claude-sonnet-4-5',
  'anthropic/claude-haiku-4-5',
  'google/gemini-2.5-flash',
  'meta-llama/llama-3.3-70b-instruct',
].map((model) => ({ model, upstreamModel: `demo-${model.split('/')[1]}` }))

/** The address that demo listings carry; `egress/` knows it and leads it to the running demo upstream. */
export const DEMO_BASE_URL = 'http://demo.bourse.internal/v1'
