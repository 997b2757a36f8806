/** The vendors we know, read from config/providers.json: a vendor that speaks a known format is data, not code. */
import { z } from 'zod'
import { features } from '../catalog/features.ts'
import { anthropicFormat } from './anthropic.ts'
import { openAiFormat } from './openai.ts'
import type { ProviderConfig, WireFormat } from './provider.ts'

// Plain http is for machines of one's own and for the demo upstream, which never leaves the process.
const PLAIN_HTTP_HOSTS = new Set(['127.0.0.1', 'localhost', '[::1]', 'demo.bourse.internal'])

const formats: Readonly<Record<ProviderConfig['format'], WireFormat>> = {
  openai: openAiFormat,
  anthropic: anthropicFormat,
}

const header = z.string().regex(/^[a-z][a-z0-9-]*$/, 'must be a lower-case header name')

const baseUrl = z.url({ protocol: /^https?$/ }).refine(isUsableBase, {
  message:
    'must be https (http only on this machine), without credentials, query, fragment or a slash at the end',
})

const provider = z.strictObject({
  id: z.string().regex(/^[a-z][a-z0-9-]{1,31}$/),
  name: z.string().min(1).max(64),
  format: z.enum(['openai', 'anthropic']),
  baseUrl,
  allowedHosts: z.array(z.string().regex(/^[a-z0-9.[\]:*-]+$/)).default([]),
  auth: z
    .strictObject({ header, prefix: z.string() })
    .default({ header: 'authorization', prefix: 'Bearer ' }),
  environmentKeys: z.array(z.string().regex(/^[A-Z][A-Z0-9_]*$/)).default([]),
  author: z.string().regex(/^[a-z0-9][a-z0-9-]*$/),
  headers: z.record(header, z.string()).default({}),
  chatPath: z.string().regex(/^\/[a-z0-9/_-]+$/),
  modelsPath: z
    .string()
    .regex(/^\/[a-z0-9/_?=-]+$/)
    .nullable()
    .default('/models'),
  maxTokensField: z.enum(['max_completion_tokens', 'max_tokens']),
  streamOptions: z.boolean(),
  lacks: z.array(z.enum(features)).default([]),
  ignores: z.array(z.enum(features)).default([]),
})

const providersFile = z
  .strictObject({ providers: z.array(provider).min(1) })
  .refine(({ providers }) => new Set(providers.map(({ id }) => id)).size === providers.length, {
    message: 'two providers have the same id',
  })

export interface Providers {
  find(id: string): ProviderConfig | undefined
  list(): readonly ProviderConfig[]
  formatOf(provider: ProviderConfig): WireFormat
}

/** The vendors in `json`, the parsed config/providers.json. Throws a `ZodError` that names every fault. */
export function loadProviders(json: unknown): Providers {
  const list: readonly ProviderConfig[] = providersFile.parse(json).providers.map(withOwnHost)
  const byId = new Map(list.map((entry) => [entry.id, entry]))
  return {
    find: (id) => byId.get(id),
    list: () => list,
    formatOf: (entry) => formats[entry.format],
  }
}

function withOwnHost(entry: z.output<typeof provider>): ProviderConfig {
  const host = new URL(entry.baseUrl).host
  const { lacks, ignores } = formats[entry.format]
  return Object.freeze({
    ...entry,
    allowedHosts: [...new Set([host, ...entry.allowedHosts])],
    lacks: [...lacks, ...entry.lacks],
    ignores: [...ignores, ...entry.ignores],
  })
}

function isUsableBase(text: string): boolean {
  if (!URL.canParse(text)) return false
  const url = new URL(text)
  if (
    text.endsWith('/') ||
    url.username !== '' ||
    url.password !== '' ||
    url.search !== '' ||
    url.hash !== ''
  )
    return false
  return url.protocol === 'https:' || PLAIN_HTTP_HOSTS.has(url.hostname)
}
