/** Reads the environment, builds the house, listens, and closes it in order when told to stop. */
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createApp } from './app.ts'
import { bootstrap, summaryText } from './bootstrap.ts'
import { type Context, createContext, readProvidersFile } from './context.ts'
import { createHttpServer } from './http/server.ts'
import { type Config, ConfigError, loadConfig } from './platform/config.ts'
import { createLogger, type Logger } from './platform/logger.ts'
import { completeSecrets } from './platform/secret-files.ts'
import { loadProviders } from './providers/registry.ts'

try {
  await run()
} catch (error) {
  console.error(error instanceof ConfigError ? error.message : startFailure(error))
  process.exit(1)
}

async function run(): Promise<void> {
  const providers = loadProviders(readProvidersFile())
  const config = loadConfig(
    process.env,
    providers.list().flatMap(({ environmentKeys }) => environmentKeys),
  )
  const secrets = completeSecrets({ given: config.secrets, dataDir: config.dataDir })
  const logger = createLogger({
    level: config.logLevel,
    secrets: [
      secrets.sessionSecret.toString('hex'),
      secrets.encryptionKey.toString('hex'),
      ...Object.values(config.vendorKeys),
    ],
  })
  const context = await createContext({ config, secrets, providers, logger })
  try {
    await serve(context, config, logger)
  } catch (error) {
    await context.close()
    throw error
  }
}

async function serve(context: Context, config: Config, logger: Logger): Promise<void> {
  const app = createApp(context)
  const server = createHttpServer(app.handle)
  const port = await listen(server, config)
  const shown = config.host === '0.0.0.0' || config.host === '::' ? 'localhost' : config.host
  const origin = config.publicUrl ?? `http://${shown.includes(':') ? `[${shown}]` : shown}:${port}`
  const stop = once(async (reason: string, code: number) => {
    logger.info({ reason }, 'stopping')
    await shutDown({ context, server, app, drainMs: config.drainMs })
    logger.info('stopped')
    await flush(logger)
    process.exit(code)
  })
  process.on('SIGTERM', () => stop('SIGTERM', 0))
  process.on('SIGINT', () => stop('SIGINT', 0))
  process.on('uncaughtException', (error) => {
    logger.fatal({ err: error }, 'an error nobody caught; stopping')
    void stop('uncaughtException', 1)
  })
  const summary = await bootstrap(context, origin)
  console.log(summaryText(summary, { mode: config.mode, dataDir: config.dataDir }))
  logger.info({ origin, mode: config.mode }, 'ready')
}

function listen(server: Server, { host, port }: Config): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen({ host, port, backlog: 2_048 }, () => resolve((server.address() as AddressInfo).port))
  })
}

/** Readiness off, no new connections, running answers to their end or to the drain limit, then the rooms in reverse. */
async function shutDown({
  context,
  server,
  app,
  drainMs,
}: {
  context: Context
  server: Server
  app: ReturnType<typeof createApp>
  drainMs: number
}): Promise<void> {
  app.startDraining()
  server.close()
  server.closeIdleConnections()
  let timer: NodeJS.Timeout | undefined
  const limit = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, drainMs)
  })
  await Promise.race([app.chat.drain(), limit])
  clearTimeout(timer)
  app.chat.cutOff()
  await app.chat.drain()
  server.closeAllConnections()
  await context.close()
}

function flush(logger: Logger): Promise<void> {
  return new Promise((resolve) => logger.flush(() => resolve()))
}

function startFailure(error: unknown): string {
  const code = typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined
  if (code === 'EADDRINUSE') return 'The port is taken by another program. Set PORT to a free one.'
  if (code === 'EACCES') return 'This user may not listen on that port. Set PORT to one above 1023.'
  return error instanceof Error
    ? `Bourse could not start: ${error.message}`
    : `Bourse could not start: ${String(error)}`
}

function once(act: (reason: string, code: number) => Promise<void>): (reason: string, code: number) => void {
  let begun = false
  return (reason, code) => {
    if (begun) return
    begun = true
    act(reason, code).catch((error) => {
      console.error(error)
      process.exit(1)
    })
  }
}
