import { defineConfig } from 'prisma/config'

// Read by the Prisma CLI only; the gateway gets its database from its own configuration.
export default defineConfig({ schema: 'schema', migrations: { path: 'migrations' } })
