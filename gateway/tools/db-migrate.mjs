/**
 * `npm run db:migrate`: applies prisma/migrations to DATABASE_URL and exits, for deployments that migrate before they
 * start. The gateway does the same at every start, so the embedded database needs no such step.
 */
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'

const url = process.env.DATABASE_URL
if (!url) {
  console.error('DATABASE_URL is not set. The embedded database is migrated whenever the gateway starts.')
  process.exit(2)
}
const build = spawnSync(
  process.execPath,
  [fileURLToPath(new URL('build.mjs', import.meta.url)), '--only', 'client,gateway'],
  {
    stdio: 'inherit',
  },
)
if (build.status !== 0) process.exit(build.status ?? 1)

const { createLogger } = await import('../dist/platform/logger.js')
const { migrate } = await import('../dist/platform/migrate.js')
const migrationsDir = fileURLToPath(new URL('../../prisma/migrations', import.meta.url))
const { applied } = await migrate({ url, migrationsDir, logger: createLogger({ level: 'warn' }) })
console.log(applied.length === 0 ? 'The database is up to date.' : `Applied ${applied.join(', ')}.`)
