/** What the ledger knows of a booked request; amounts in nano-dollars as text, times in UTC with milliseconds. */
export interface UsageFacts {
  id: string
  organisation_id: string
  key_id: string
  key_fingerprint: string | null
  listing_id: string
  model: string
  provider: string
  uncached_input: number
  cache_read: number
  cache_write_5m: number
  cache_write_1h: number
  audio_input: number
  output: number
  audio_output: number
  reasoning: number
  usage_source: 'reported' | 'counted' | 'clamped'
  billed: 'whole' | 'delivered' | 'nothing'
  /** JSON as the ledger keeps it. */
  price: string
  stream: boolean
  finish_reason: string
  started_at: string
  settled_at: string
  duration_ms: number
  ttft_ms: number
  held_nanos: string
  cost_nanos: string
  request_hash: string | null
  response_hash: string | null
}
