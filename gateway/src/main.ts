/** Reads the environment, builds the house, listens, and closes it in order when told to stop. */
import type { Server, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { type App, createApp } from './app.ts'
import { bootstrap, summaryText } from './bootstrap.ts'
import { type Context, createContext, readProvidersFile } from './context.ts'
import { createHttpServer } from './http/server.ts'
import { type Config, ConfigError, loadConfig } from './platform/config.ts'
import type { Secrets } from './platform/given-secrets.ts'
import { createLogger, type Logger } from './platform/logger.ts'
import { redact } from './platform/redact.ts'
import { completeSecrets } from './platform/secret-files.ts'
import { showSettings } from './platform/show-settings.ts'
import { loadProviders } from './providers/registry.ts'

// How long a live gateway keeps taking connections after it says that it is not ready: balancers ask every few seconds.
const LEAVE_BALANCER_MS = 5_000
// What a request that was cut off needs to tell its client, and a client to take what was written.
const CUT_MS = 2_000
// After the drain: settlements wait a minute for a database that is away, the embedded server gets two times 15 s.
const CLOSE_MS = 120_000
const IDLE_POLL_MS = 20

try {
  await run()
} catch (error) {
  console.error(error instanceof ConfigError ? error.message : redact(startFailure(error)))
  process.exit(1)
}

async function run(): Promise<void> {
  const providers = loadProviders(readProvidersFile())
  const vendorKeys = providers.list().flatMap(({ environmentKeys }) => environmentKeys)
  const config = loadConfig(process.env, vendorKeys)
  const settings = showSettings(process.env, vendorKeys)
  const secrets = completeSecrets({ given: config.secrets, dataDir: config.dataDir })
  const logger = createLogger({ level: config.logLevel, secrets: secretTexts(config, secrets) })
  const stop = listenForStop(logger, config)
  const context = await createContext({ config, secrets, providers, logger, settings })
  let code: number
  try {
    code = await serve(context, logger, stop)
  } catch (error) {
    await context.close()
    throw error
  }
  logger.info('stopped')
  await flush(logger)
  process.exit(code)
}

interface Stop {
  reason: string
  exitCode: number
}

/**
 * The first reason to stop; further ones change nothing, because npm and the terminal both pass Ctrl-C on. One that
 * comes while the gateway starts is obeyed as soon as it has started. Whatever hangs, the process ends in time.
 */
function listenForStop(logger: Logger, { drainMs }: Config): Promise<Stop> {
  return new Promise((resolve) => {
    const stop = (reason: string, exitCode: number) => {
      resolve({ reason, exitCode })
      setTimeout(() => {
        logger.fatal('the gateway did not stop in time; giving up')
        process.exit(1)
      }, drainMs + CLOSE_MS).unref()
    }
    process.on('SIGTERM', () => stop('SIGTERM', 0))
    process.on('SIGINT', () => stop('SIGINT', 0))
    process.on('uncaughtException', (error) => {
      logger.fatal({ err: error }, 'an error nobody caught; stopping')
      stop('uncaughtException', 1)
    })
  })
}

/** Serves until it is told to stop, then closes everything; answers the exit code. */
async function serve(context: Context, logger: Logger, stop: Promise<Stop>): Promise<number> {
  const { config } = context
  const app = createApp(context)
  const open = new Set<ServerResponse>()
  // The port is taken first, because the summary names it; who calls before that is written waits for it.
  let ready = false
  let started: Promise<unknown> = Promise.resolve()
  const server = createHttpServer((message, response) => {
    open.add(response)
    response.once('close', () => open.delete(response))
    if (ready) app.handle(message, response)
    else started.then(() => app.handle(message, response)).catch(() => response.destroy())
  })
  const port = await listen(server, config)
  const origin = config.publicUrl ?? originOf(config.host, port)
  const starting = bootstrap(context, origin)
  started = starting
  const summary = await starting
  ready = true
  console.log(summaryText(summary, { mode: config.mode, dataDir: config.dataDir }))
  logger.info({ origin, mode: config.mode }, 'ready')
  const { reason, exitCode } = await stop
  logger.info({ reason }, 'stopping')
  await shutDown({ server, app, open, config })
  await context.close()
  return exitCode
}

function originOf(host: string, port: number): string {
  const shown = host === '0.0.0.0' || host === '::' ? 'localhost' : host
  return `http://${shown.includes(':') ? `[${shown}]` : shown}:${port}`
}

async function listen(server: Server, { host, port }: Config): Promise<number> {
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      server.listen({ host, port, backlog: 2_048 }, resolve)
    })
  } catch (cause) {
    throw new Error(whyNoPort(cause as NodeJS.ErrnoException, { host, port }), { cause })
  }
  return (server.address() as AddressInfo).port
}

function whyNoPort({ code, message }: NodeJS.ErrnoException, { host, port }: Pick<Config, 'host' | 'port'>) {
  if (code === 'EADDRINUSE') return `port ${port} is taken by another program. Set PORT to a free one.`
  if (code === 'EACCES') return `this user may not listen on port ${port}. Set PORT to one above 1023.`
  if (code === 'EADDRNOTAVAIL' || code === 'ENOTFOUND')
    return `HOST ${host} is no address of this machine. Set it to 127.0.0.1, or to 0.0.0.0 for all of them.`
  return message
}

/**
 * Readiness off, running answers to their end or to the drain limit, then no more connections. New requests are
 * refused in words while answers run: a closed port would tell a client nothing, and no balancer that we are going.
 */
async function shutDown({
  server,
  app,
  open,
  config,
}: {
  server: Server
  app: App
  open: ReadonlySet<ServerResponse>
  config: Config
}): Promise<void> {
  const { drainMs, mode } = config
  app.startDraining()
  const drained = app.chat.drain()
  if (mode === 'live') await delay(Math.min(LEAVE_BALANCER_MS, drainMs))
  // Until the last byte has left this process, not only until it was written.
  const allSent = async () => {
    await drained
    while (open.size > 0) await delay(IDLE_POLL_MS)
  }
  await within(drainMs, allSent())
  app.chat.cutOff()
  await within(CUT_MS, allSent())
  server.close()
  server.closeAllConnections()
  await drained
}

/** Waits for `work`, but no longer than this. */
async function within(ms: number, work: Promise<void>): Promise<void> {
  const limit = new AbortController()
  await Promise.race([work, delay(ms, undefined, { signal: limit.signal }).catch(() => undefined)])
  limit.abort()
}

function flush(logger: Logger): Promise<void> {
  return new Promise((resolve) => logger.flush(() => resolve()))
}

/** Everything secret that this process was given or made, so that no log line shows it, whatever it looks like. */
function secretTexts(config: Config, secrets: Secrets): string[] {
  const { databaseUrl, admin, smtp, metricsToken, vendorKeys } = config
  const given = process.env
  const databasePassword = databaseUrl === undefined ? '' : new URL(databaseUrl).password
  const mailPassword = smtp === undefined ? '' : new URL(smtp.url).password
  const texts = [
    ...Object.values(secrets).map((secret: Buffer) => secret.toString('hex')),
    given.GATEWAY_MASTER_KEY,
    given.LITELLM_MASTER_KEY,
    given.GATEWAY_ENCRYPTION_KEY,
    ...(given.GATEWAY_ENCRYPTION_KEYS_OLD?.split(',') ?? []).map((entry) =>
      entry.trim().replace(/^master:/, ''),
    ),
    ...config.oldEncryptionKeys.keys.map((key) => key.toString('hex')),
    given.GATEWAY_KEY_PEPPER,
    given.SESSION_SECRET,
    given.GATEWAY_SIGNING_KEY,
    databasePassword,
    decoded(databasePassword),
    mailPassword,
    decoded(mailPassword),
    admin.password,
    metricsToken,
    ...Object.values(vendorKeys),
  ]
  // Lines are JSON, where a quote or a backslash looks different.
  const spellings = texts.flatMap((text) =>
    text ? [text.trim(), JSON.stringify(text.trim()).slice(1, -1)] : [],
  )
  return [...new Set(spellings)]
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

function startFailure(error: unknown): string {
  const { code, path } = (error ?? {}) as NodeJS.ErrnoException
  const unwritable = path !== undefined && /^(EACCES|EPERM|EROFS|ENOTDIR|EEXIST)$/.test(code ?? '')
  const advice = unwritable ? '. Set DATA_DIR to a folder that this user may write' : ''
  return `Bourse could not start: ${error instanceof Error ? error.message : String(error)}${advice}`
}
