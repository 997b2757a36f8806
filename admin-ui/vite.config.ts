import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { brotliCompressSync, constants, gzipSync } from 'node:zlib'
import react from '@vitejs/plugin-react'
import { defineConfig, type Plugin } from 'vite'

const gatewayOrigin = process.env.GATEWAY_ORIGIN ?? 'http://127.0.0.1:4000'
const gatewayPaths = { '/api': { target: gatewayOrigin }, '/v1': { target: gatewayOrigin } }

// Below this a compressed file saves no packet.
const WORTH_BYTES = 1_000

/** Writes `name.br` and `name.gz` beside each script and style sheet, which the gateway sends in their place. */
function precompress(): Plugin {
  return {
    name: 'bourse-precompress',
    apply: 'build',
    writeBundle({ dir = 'dist' }) {
      for (const name of readdirSync(dir, { recursive: true, encoding: 'utf8' })) {
        if (!/\.(js|css|svg)$/.test(name)) continue
        const plain = readFileSync(join(dir, name))
        if (plain.length < WORTH_BYTES) continue
        const params = {
          [constants.BROTLI_PARAM_QUALITY]: 9,
          [constants.BROTLI_PARAM_SIZE_HINT]: plain.length,
        }
        writeFileSync(join(dir, `${name}.br`), brotliCompressSync(plain, { params }))
        writeFileSync(join(dir, `${name}.gz`), gzipSync(plain, { level: 9 }))
      }
    },
  }
}

/** The gateway serves `dist` under /console; `dev` and `preview` send /api and /v1 on to `GATEWAY_ORIGIN`. */
export default defineConfig({
  base: '/console/',
  plugins: [react(), precompress()],
  build: {
    outDir: 'dist',
    emptyOutDir: true,
    // The content security policy allows no inline script and no font from data: URLs.
    assetsInlineLimit: 0,
    chunkSizeWarningLimit: 800,
    // What is loaded with what: the tests measure pages by it.
    manifest: true,
  },
  server: { proxy: gatewayPaths },
  preview: { proxy: gatewayPaths },
})
