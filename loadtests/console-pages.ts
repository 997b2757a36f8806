/** How soon pages of the console can be used, in a Chromium that has seen nothing of them before. */
import { gzipSync } from 'node:zlib'
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core'
import { percentile } from './percentile.ts'

export interface PageSpeed {
  name: string
  runs: number
  /** From the navigation until the first row, tile or chart of its content stands there. */
  p50Ms: number
  maxMs: number
  /** Scripts that came until then, as the server sent them, and compressed by us. */
  sentKb: number
  gzipKb: number
}

export interface PageWish {
  name: string
  path: string
  email: string
  /** What stands there when the page can be used. */
  usable: string
}

const CHROMIUM = process.env.CHROMIUM_PATH ?? '/usr/bin/chromium'
const PATIENCE_MS = 15_000

export async function measurePages(
  { origin, password, runs }: { origin: string; password: string; runs: number },
  wishes: readonly PageWish[],
): Promise<PageSpeed[]> {
  const browser = await chromium.launch({ executablePath: CHROMIUM, args: ['--no-sandbox', '--disable-gpu'] })
  try {
    const speeds: PageSpeed[] = []
    for (const wish of wishes) {
      const seen: Visit[] = []
      for (let run = 0; run < runs; run += 1) seen.push(await visit(browser, { origin, password, wish }))
      const times = seen.map(({ ms }) => ms).sort((a, b) => a - b)
      speeds.push({
        name: wish.name,
        runs,
        p50Ms: percentile(times, 0.5),
        maxMs: percentile(times, 1),
        sentKb: Math.max(...seen.map(({ sent }) => sent)) / 1000,
        gzipKb: Math.max(...seen.map(({ gzip }) => gzip)) / 1000,
      })
    }
    return speeds
  } finally {
    await browser.close()
  }
}

interface Visit {
  ms: number
  sent: number
  gzip: number
}

async function visit(
  browser: Browser,
  { origin, password, wish }: { origin: string; password: string; wish: PageWish },
): Promise<Visit> {
  const context = await browser.newContext()
  try {
    await signIn(context, { origin, email: wish.email, password })
    const page = await context.newPage()
    const scripts = await watchScripts(page)
    const began = performance.now()
    await page.goto(`${origin}/console${wish.path}`, { waitUntil: 'commit' })
    await page.locator(wish.usable).first().waitFor({ state: 'visible', timeout: PATIENCE_MS })
    const ms = performance.now() - began
    return { ms, ...(await scripts()) }
  } finally {
    await context.close()
  }
}

async function signIn(
  context: BrowserContext,
  { origin, email, password }: { origin: string; email: string; password: string },
): Promise<void> {
  const answer = await context.request.post(`${origin}/api/login`, { data: { email, password } })
  if (!answer.ok()) throw new Error(`${email} cannot sign in: ${await answer.text()}`)
}

/** Counts the scripts from now on; call what it returns for what has come so far. */
async function watchScripts(page: Page): Promise<() => Promise<Omit<Visit, 'ms'>>> {
  const session = await page.context().newCDPSession(page)
  await session.send('Network.enable')
  await session.send('Network.setCacheDisabled', { cacheDisabled: true })
  const scripts = new Set<string>()
  const bodies: Promise<number>[] = []
  let sent = 0
  session.on('Network.responseReceived', ({ requestId, type, response }) => {
    if (type === 'Script' || response.mimeType.includes('javascript')) scripts.add(requestId)
  })
  session.on('Network.loadingFinished', ({ requestId, encodedDataLength }) => {
    if (!scripts.has(requestId)) return
    sent += encodedDataLength
    bodies.push(
      session.send('Network.getResponseBody', { requestId }).then(
        ({ body, base64Encoded }) =>
          gzipSync(Buffer.from(body, base64Encoded ? 'base64' : 'utf8'), { level: 9 }).length,
        () => 0,
      ),
    )
  })
  return async () => {
    const sizes = await Promise.all(bodies)
    return { sent, gzip: sizes.reduce((sum, size) => sum + size, 0) }
  }
}
