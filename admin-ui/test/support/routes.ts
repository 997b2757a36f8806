import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { Page } from 'playwright-core'

const source = fileURLToPath(new URL('../../src/app/router.tsx', import.meta.url))

/** Every path of the router, as `/run/users` or `/requests/$id`. */
export function routesOfConsole(): string[] {
  return [...readFileSync(source, 'utf8').matchAll(/^\s*path: '([^']+)',$/gm)].map(([, path = '']) => path)
}

/** Waits until nothing on the page is still to come: no skeleton, no part of the code. */
export async function settled(page: Page): Promise<void> {
  await page.getByRole('heading', { level: 1 }).first().waitFor()
  await page.waitForFunction(() => document.querySelector('[aria-busy="true"]') === null)
  await page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))))
}
