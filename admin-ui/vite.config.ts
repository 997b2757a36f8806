import react from '@vitejs/plugin-react'
import { defineConfig } from 'vite'

const gatewayOrigin = process.env.GATEWAY_ORIGIN ?? 'http://127.0.0.1:4000'
const gatewayPaths = { '/api': { target: gatewayOrigin }, '/v1': { target: gatewayOrigin } }

/** The gateway serves `dist` under /console; `dev` and `preview` send /api and /v1 on to `GATEWAY_ORIGIN`. */
export default defineConfig({
  base: '/console/',
  plugins: [react()],
  build: {
    outDir: 'dist',
    emptyOutDir: true,
    // The content security policy allows no inline script and no font from data: URLs.
    assetsInlineLimit: 0,
    chunkSizeWarningLimit: 800,
  },
  server: { proxy: gatewayPaths },
  preview: { proxy: gatewayPaths },
})
