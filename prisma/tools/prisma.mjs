/**
 * Runs the Prisma CLI's offline commands. Every command looks for a native schema engine first and tries to
 * download it; pointing it at the node binary itself satisfies that look without a network.
 * `migrate` and `db` need the real engine, so they are refused here: see migration.mjs.
 */
import { spawnSync } from 'node:child_process'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const allowed = ['generate', 'validate', 'format']
const [command = ''] = process.argv.slice(2)
if (!allowed.includes(command)) {
  console.error(`prisma.mjs runs ${allowed.join(', ')}. For migrations use prisma/tools/migration.mjs.`)
  process.exit(2)
}
const gateway = join(dirname(fileURLToPath(import.meta.url)), '../../gateway/package.json')
const cli = createRequire(gateway).resolve('prisma/build/index.js')
const { status } = spawnSync(process.execPath, [cli, command, '--config', 'prisma/prisma.config.ts'], {
  cwd: join(dirname(gateway), '..'),
  stdio: 'inherit',
  env: {
    ...process.env,
    PRISMA_SCHEMA_ENGINE_BINARY: process.execPath,
    CHECKPOINT_DISABLE: '1',
    PRISMA_HIDE_UPDATE_MESSAGE: '1',
  },
})
process.exit(status ?? 1)
