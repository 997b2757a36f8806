import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { type BrowserContext, chromium } from 'playwright-core'
import { preview } from 'vite'

export const chromiumPath = process.env.CHROMIUM_PATH ?? '/usr/bin/chromium'
export const hasChromium = existsSync(chromiumPath)

/** The policy that the gateway sends with the console. */
const contentSecurityPolicy = "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:"

const quietArguments = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]

export interface ConsoleStage {
  /** Where the console is served, ending in `/console/`. */
  url: string
  /** A fresh browser profile. */
  openBrowser(options?: { colorScheme?: 'light' | 'dark'; width?: number }): Promise<BrowserContext>
  close(): Promise<void>
}

/** Builds the console, serves it as the gateway does, and sends its `/api` calls to `gatewayOrigin`. */
export async function raiseConsole(gatewayOrigin: string): Promise<ConsoleStage> {
  const root = fileURLToPath(new URL('../..', import.meta.url))
  const folder = await mkdtemp(join(tmpdir(), 'bourse-console-'))
  const outDir = join(folder, 'dist')
  await buildConsole(root, outDir)
  const server = await preview({
    root,
    logLevel: 'error',
    build: { outDir },
    preview: {
      host: '127.0.0.1',
      port: 0,
      strictPort: false,
      headers: { 'content-security-policy': contentSecurityPolicy },
      proxy: { '/api': { target: gatewayOrigin } },
    },
  })
  const address = server.httpServer.address()
  if (address === null || typeof address === 'string') throw new Error('vite preview has no port')
  const browsers: BrowserContext[] = []
  return {
    url: `http://127.0.0.1:${address.port}/console/`,
    async openBrowser({ colorScheme = 'light', width = 1280 } = {}) {
      const profile = await mkdtemp(join(folder, 'profile-'))
      const browser = await chromium.launchPersistentContext(profile, {
        executablePath: chromiumPath,
        headless: true,
        args: quietArguments,
        colorScheme,
        reducedMotion: 'reduce',
        viewport: { width, height: 900 },
      })
      browser.setDefaultTimeout(15_000)
      browsers.push(browser)
      return browser
    },
    async close() {
      await Promise.all(browsers.map((browser) => browser.close()))
      await server.close()
      await rm(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 })
    },
  }
}

/** In a process of its own: the test runner's NODE_ENV would put React's development build into the page. */
async function buildConsole(root: string, outDir: string): Promise<void> {
  const vite = join(dirname(createRequire(import.meta.url).resolve('vite/package.json')), 'bin', 'vite.js')
  const env = { ...process.env, NODE_ENV: 'production' }
  await promisify(execFile)(process.execPath, [vite, 'build', '--outDir', outDir, '--logLevel', 'error'], {
    cwd: root,
    env,
  })
}
