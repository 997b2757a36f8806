import { defineConfig } from 'vitest/config'

// `npm test`: every project. Coverage and its thresholds belong to the gateway: `npm run coverage`.
export default defineConfig({
  test: { projects: ['gateway', 'admin-ui', 'admin-ui/test'], maxWorkers: 2 },
})
