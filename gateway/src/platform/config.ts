/**
 * Everything an operator can set, from the environment, in one schema. config/gateway.env.example says each variable,
 * its default and why; a test keeps the two together.
 */
import { join } from 'node:path'
import { z } from 'zod'
import { type GivenSecrets, type OldKeys, readGivenSecrets, readOldKeys } from './given-secrets.ts'
import { NANOS_PER_USD } from './money.ts'

export interface Config {
  /** `play`: demo users, demo upstream, generated secrets, money that is worth nothing. `live`: none of them. */
  mode: 'play' | 'live'
  host: string
  port: number
  dataDir: string
  /** Set when the operator brings a server; otherwise the embedded one is used. */
  databaseUrl?: string
  /** Origin under which people reach us, without a trailing slash. */
  publicUrl?: string
  corsOrigins: readonly string[]
  logLevel: 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'fatal' | 'silent'
  admin: { email?: string; password?: string }
  /** Complete in live mode; in play mode `completeSecrets` adds what is missing. */
  secrets: GivenSecrets
  /** Encryption keys of before. */
  oldEncryptionKeys: OldKeys
  /** Whether anybody may make an account of their own. */
  signUpOpen: boolean
  /** The server that takes our mails, and as whom we send; both or neither. */
  smtp?: { url: string; from: string }
  feeBps: bigint
  /** How long a day's earnings wait before they may be paid out; 0: as they come. */
  earningsHoldDays: number
  /** The least that is paid out. */
  payoutMinNanos: bigint
  /** How long a changed price is announced before it holds. */
  priceNoticeMs: number
  /** What the last byte of an answer waits for: a file in DATA_DIR, or the commit. */
  settlementDurability: 'spool' | 'database'
  /** Where the heads of the sealed ledger are written, outside the database. */
  anchorFile: string
  allowPrivateUpstreams: boolean
  /** Whether sellers may list servers of their own on the public internet. */
  allowCustomEndpoints: boolean
  /** Vendor keys that are set, by the name of their variable. */
  vendorKeys: Readonly<Record<string, string>>
  /** Whether vendor keys become listings of the operator's. */
  environmentListings: boolean
  drainMs: number
  streamMs: number
  streamIdleMs: number
  firstByteMs: number
  firstContentMs: number
  maxStreams: number
  /** How long a request stays in the log that people look at; what was billed stays in the books. */
  requestLogDays: number
  metricsToken?: string
  /** Origins of servers whose pages operators see under `/admin`. */
  grafanaUrl?: string
  prometheusUrl?: string
  demoUpstreamPort?: number
}

/** Names every fault of the environment, one line each; never a value, because it may be a secret. */
export class ConfigError extends Error {
  readonly faults: readonly string[]

  constructor(faults: readonly string[]) {
    super(
      `The configuration has ${faults.length === 1 ? 'a fault' : `${faults.length} faults`}:\n${faults.map((fault) => `  ${fault}`).join('\n')}`,
    )
    this.name = 'ConfigError'
    this.faults = faults
  }
}

export type Environment = Readonly<Record<string, string | undefined>>

const integer = (least: number, most: number) =>
  z
    .string()
    .regex(/^\d{1,9}$/, `must be a whole number from ${least} to ${most}`)
    .transform(Number)
    .refine((value) => value >= least && value <= most, `must be a whole number from ${least} to ${most}`)
const flag = z
  .enum(['true', 'false', '1', '0'], 'must be true or false')
  .transform((value) => value === 'true' || value === '1')
const seconds = (least: number, most: number) => integer(least, most).transform((value) => value * 1000)
const origin = z.string().transform((text, context) => {
  const url = parsedUrl(text)
  if (url && /^https?:$/.test(url.protocol) && url.pathname === '/' && !url.search && !url.username)
    return url.origin
  context.addIssue('must be an origin such as https://gateway.example.org')
  return z.NEVER
})
const origins = z.string().transform((text, context) => {
  const list = text.split(',').map((each) => each.trim())
  const read = list.map((each) => (each === '*' ? each : origin.safeParse(each).data))
  if (read.every((each) => each !== undefined)) return read
  context.addIssue(
    'must be * or origins with commas between them, such as https://a.example.org,https://b.example.org',
  )
  return z.NEVER
})

/** A variable without a default here is optional, or its default depends on the mode. */
export const variables = {
  NODE_ENV: z.string().optional(),
  PORT: integer(0, 65_535).prefault('4000'),
  HOST: z.string().optional(),
  DATA_DIR: z.string().default('.bourse'),
  DATABASE_URL: z
    .string()
    .refine(
      (text) => /^postgres(ql)?:$/.test(parsedUrl(text)?.protocol ?? ''),
      'must start with postgresql://',
    )
    .optional(),
  LOG_LEVEL: z
    .enum(
      ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'],
      'must be trace, debug, info, warn, error, fatal or silent',
    )
    .default('info'),
  SETTLEMENT_DURABILITY: z.enum(['spool', 'database'], 'must be spool or database').default('spool'),
  ALLOW_PRIVATE_UPSTREAMS: flag.prefault('false'),
  ALLOW_CUSTOM_ENDPOINTS: flag.prefault('false'),
  DEMO_UPSTREAM_PORT: integer(0, 65_535).optional(),
  SESSION_SECRET: z.string().optional(),
  LITELLM_MASTER_KEY: z.string().optional(),
  GATEWAY_MODE: z.enum(['play', 'live'], 'must be play or live').optional(),
  GATEWAY_MASTER_KEY: z.string().optional(),
  GATEWAY_ENCRYPTION_KEY: z.string().optional(),
  GATEWAY_ENCRYPTION_KEYS_OLD: z.string().optional(),
  GATEWAY_KEY_PEPPER: z.string().optional(),
  GATEWAY_SIGNING_KEY: z.string().optional(),
  GATEWAY_ADMIN_EMAIL: z.email('must be an e-mail address').optional(),
  GATEWAY_ADMIN_PASSWORD: z.string().min(12, 'must have at least 12 characters').optional(),
  GATEWAY_PUBLIC_URL: origin.optional(),
  GATEWAY_CORS_ORIGINS: origins.prefault('*'),
  GATEWAY_SIGN_UP: z.enum(['open', 'closed'], 'must be open or closed').default('closed'),
  SMTP_URL: z
    .string()
    .refine(
      (text) => /^smtps?:$/.test(parsedUrl(text)?.protocol ?? '') && parsedUrl(text)?.hostname !== '',
      'must look like smtp://user:password@host:587 or smtps://user:password@host',
    )
    .optional(),
  MAIL_FROM: z
    .string()
    .regex(
      /^([^<>\r\n]{1,100} <[^\s<>@]+@[^\s<>@]+>|[^\s<>@]+@[^\s<>@]+)$/,
      'must be an address such as Bourse <bourse@example.org>',
    )
    .optional(),
  GATEWAY_FEE_BPS: integer(0, 5000).prefault('500').transform(BigInt),
  GATEWAY_EARNINGS_HOLD_DAYS: integer(0, 365).optional(),
  GATEWAY_PAYOUT_MIN_USD: integer(1, 1_000_000).optional(),
  GATEWAY_PRICE_NOTICE_S: seconds(0, 604_800).prefault('300'),
  GATEWAY_ENV_LISTINGS_IN_PLAY: flag.prefault('false'),
  GATEWAY_DRAIN_SECONDS: seconds(0, 3600).prefault('30'),
  GATEWAY_ANCHOR_FILE: z.string().optional(),
  GATEWAY_STREAM_SECONDS: seconds(1, 86_400).prefault('900'),
  GATEWAY_STREAM_IDLE_SECONDS: seconds(1, 3600).prefault('60'),
  GATEWAY_FIRST_BYTE_SECONDS: seconds(1, 3600).prefault('60'),
  GATEWAY_FIRST_CONTENT_SECONDS: seconds(1, 3600).prefault('120'),
  GATEWAY_MAX_STREAMS: integer(1, 100_000).prefault('2000'),
  GATEWAY_REQUEST_LOG_DAYS: integer(1, 3650).prefault('90'),
  GATEWAY_METRICS_TOKEN: z.string().min(16, 'must have at least 16 characters').optional(),
  GRAFANA_URL: origin.optional(),
  PROMETHEUS_URL: origin.optional(),
}

/** What holds where the default depends on the mode. */
const standards = {
  // A laptop's demo is for that laptop, and play money needs no waiting for disputes.
  play: { HOST: '127.0.0.1', GATEWAY_EARNINGS_HOLD_DAYS: 0, GATEWAY_PAYOUT_MIN_USD: 1 },
  live: { HOST: '0.0.0.0', GATEWAY_EARNINGS_HOLD_DAYS: 7, GATEWAY_PAYOUT_MIN_USD: 25 },
} as const

/** The defaults that the schema cannot say, because they follow from the mode or from another variable. */
export function derivedDefaults(environment: Environment): Readonly<Record<string, string>> {
  const env = setVariables(environment)
  const mode = modeOf(env)
  const { HOST, ...money } = standards[mode]
  return {
    HOST,
    GATEWAY_MODE: mode,
    ...Object.fromEntries(Object.entries(money).map(([name, value]) => [name, String(value)])),
    GATEWAY_ANCHOR_FILE: join(env.DATA_DIR ?? variables.DATA_DIR.parse(undefined), 'anchors.jsonl'),
  }
}

/** The variables that the schema knows; vendor keys come on top. */
export const variableNames: readonly string[] = Object.keys(variables)

/**
 * Reads the environment; an empty variable counts as not set. `environmentKeys` are the names under which vendors'
 * keys may stand (config/providers.json). Throws `ConfigError` with every fault.
 */
export function loadConfig(environment: Environment, environmentKeys: readonly string[] = []): Config {
  const env = setVariables(environment)
  const parsed = z.object(variables).safeParse(env)
  const faults = [...unknownNames(env), ...(parsed.error?.issues.map(faultOf) ?? [])]
  const mode = modeOf(env)
  const { secrets, faults: secretFaults } = readGivenSecrets(env, { complete: mode === 'live' })
  const { old, faults: oldKeyFaults } = readOldKeys(env.GATEWAY_ENCRYPTION_KEYS_OLD)
  faults.push(
    ...secretFaults,
    ...oldKeyFaults,
    ...halfAdmin(env),
    ...halfMail(env, mode),
    ...openToStrangers(parsed.data),
  )
  if (!parsed.success || faults.length > 0) throw new ConfigError(faults)
  const value = parsed.data
  return {
    mode,
    host: value.HOST ?? standards[mode].HOST,
    port: value.PORT,
    dataDir: value.DATA_DIR,
    ...optional('databaseUrl', value.DATABASE_URL),
    ...optional('publicUrl', value.GATEWAY_PUBLIC_URL),
    corsOrigins: value.GATEWAY_CORS_ORIGINS,
    logLevel: value.LOG_LEVEL,
    admin: {
      ...optional('email', value.GATEWAY_ADMIN_EMAIL),
      ...optional('password', value.GATEWAY_ADMIN_PASSWORD),
    },
    secrets,
    oldEncryptionKeys: old,
    signUpOpen: value.GATEWAY_SIGN_UP === 'open',
    ...optional(
      'smtp',
      value.SMTP_URL && value.MAIL_FROM ? { url: value.SMTP_URL, from: value.MAIL_FROM } : undefined,
    ),
    feeBps: value.GATEWAY_FEE_BPS,
    earningsHoldDays: value.GATEWAY_EARNINGS_HOLD_DAYS ?? standards[mode].GATEWAY_EARNINGS_HOLD_DAYS,
    payoutMinNanos:
      BigInt(value.GATEWAY_PAYOUT_MIN_USD ?? standards[mode].GATEWAY_PAYOUT_MIN_USD) * NANOS_PER_USD,
    priceNoticeMs: value.GATEWAY_PRICE_NOTICE_S,
    settlementDurability: value.SETTLEMENT_DURABILITY,
    anchorFile: value.GATEWAY_ANCHOR_FILE ?? join(value.DATA_DIR, 'anchors.jsonl'),
    allowPrivateUpstreams: value.ALLOW_PRIVATE_UPSTREAMS,
    allowCustomEndpoints: value.ALLOW_CUSTOM_ENDPOINTS,
    vendorKeys: Object.fromEntries(environmentKeys.flatMap((name) => (env[name] ? [[name, env[name]]] : []))),
    environmentListings: mode === 'live' || value.GATEWAY_ENV_LISTINGS_IN_PLAY,
    drainMs: value.GATEWAY_DRAIN_SECONDS,
    streamMs: value.GATEWAY_STREAM_SECONDS,
    streamIdleMs: value.GATEWAY_STREAM_IDLE_SECONDS,
    firstByteMs: value.GATEWAY_FIRST_BYTE_SECONDS,
    firstContentMs: value.GATEWAY_FIRST_CONTENT_SECONDS,
    maxStreams: value.GATEWAY_MAX_STREAMS,
    requestLogDays: value.GATEWAY_REQUEST_LOG_DAYS,
    ...optional('metricsToken', value.GATEWAY_METRICS_TOKEN),
    ...optional('grafanaUrl', value.GRAFANA_URL),
    ...optional('prometheusUrl', value.PROMETHEUS_URL),
    ...optional('demoUpstreamPort', value.DEMO_UPSTREAM_PORT),
  }
}

function setVariables(environment: Environment): Record<string, string> {
  const pairs = Object.entries(environment).map(([name, value]) => [name, value?.trim() ?? ''] as const)
  return Object.fromEntries(pairs.filter(([, value]) => value !== ''))
}

/** Said, or live as soon as anything looks like production: playing by accident is worse than refusing to start. */
function modeOf(env: Record<string, string>): 'play' | 'live' {
  if (env.GATEWAY_MODE === 'play' || env.GATEWAY_MODE === 'live') return env.GATEWAY_MODE
  return env.NODE_ENV === 'production' || env.DATABASE_URL ? 'live' : 'play'
}

function faultOf(issue: z.core.$ZodIssue): string {
  return `${String(issue.path[0])} ${issue.message}.`
}

function halfAdmin(env: Record<string, string>): string[] {
  const [email, password] = [env.GATEWAY_ADMIN_EMAIL, env.GATEWAY_ADMIN_PASSWORD]
  if (password && !email) return ['GATEWAY_ADMIN_EMAIL is missing: GATEWAY_ADMIN_PASSWORD needs it.']
  if (email && !password) return ['GATEWAY_ADMIN_PASSWORD is missing: GATEWAY_ADMIN_EMAIL needs it.']
  return []
}

function halfMail(env: Record<string, string>, mode: 'play' | 'live'): string[] {
  const { SMTP_URL: server, MAIL_FROM: from, GATEWAY_SIGN_UP: signUp } = env
  if (server && !from) return ['MAIL_FROM is missing: SMTP_URL needs it.']
  if (from && !server) return ['SMTP_URL is missing: MAIL_FROM needs it.']
  if (mode === 'live' && signUp === 'open' && !server)
    return ['SMTP_URL is missing: GATEWAY_SIGN_UP=open needs it, because people confirm their address.']
  return []
}

/** Together they would let a seller's host name lead into the operator's own network. */
function openToStrangers(
  value: { ALLOW_CUSTOM_ENDPOINTS: boolean; ALLOW_PRIVATE_UPSTREAMS: boolean } | undefined,
): string[] {
  if (!value?.ALLOW_CUSTOM_ENDPOINTS || !value.ALLOW_PRIVATE_UPSTREAMS) return []
  return [
    'ALLOW_CUSTOM_ENDPOINTS and ALLOW_PRIVATE_UPSTREAMS cannot both be true: a server of a seller could be a machine of your own network.',
  ]
}

// What Kubernetes sets in every pod when a service is called `gateway`.
const KUBERNETES = /^GATEWAY_(SERVICE_.*|PORT(_.*)?)$/

/** A misspelt setting of ours would silently do nothing, so it is a fault that names what was probably meant. */
function unknownNames(env: Record<string, string>): string[] {
  return Object.keys(env)
    .filter((name) => name.startsWith('GATEWAY_') && !(name in variables) && !KUBERNETES.test(name))
    .map((name) => `${name} is not a setting. Did you mean ${nearest(name)}?`)
}

function nearest(name: string): string {
  const ours = variableNames.filter((each) => each.startsWith('GATEWAY_'))
  return ours.reduce((best, each) => (distance(name, each) < distance(name, best) ? each : best))
}

/** Levenshtein's: how many letters to insert, drop or change. */
function distance(from: string, to: string): number {
  let previous = Array.from({ length: to.length + 1 }, (_, index) => index)
  for (let row = 1; row <= from.length; row += 1) {
    const current = [row]
    for (let column = 1; column <= to.length; column += 1) {
      const change = (previous[column - 1] as number) + (from[row - 1] === to[column - 1] ? 0 : 1)
      current.push(Math.min(change, (previous[column] as number) + 1, (current[column - 1] as number) + 1))
    }
    previous = current
  }
  return previous[to.length] as number
}

// URL.parse is missing in Node 20.
function parsedUrl(text: string): URL | undefined {
  return URL.canParse(text) ? new URL(text) : undefined
}

function optional<Key extends string, Value>(key: Key, value: Value | undefined): { [K in Key]?: Value } {
  return value === undefined ? {} : ({ [key]: value } as { [K in Key]: Value })
}
