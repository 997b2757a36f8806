import { mkdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { Page } from 'playwright-core'

/** One thing that a person does in a story. The guides have a heading of the same words: see `guides.test.ts`. */
export async function step<Result>(name: string, act: () => Promise<Result>): Promise<Result> {
  try {
    return await act()
  } catch (error) {
    throw new Error(`while doing "${name}": ${(error as Error).message}`, { cause: error })
  }
}

export const imagesFolder = fileURLToPath(new URL('../../../docs/guides/images/', import.meta.url))

/** With WRITE_GUIDES=1 the guides get the page as it is now. */
export async function picture(page: Page, name: string): Promise<void> {
  if (process.env.WRITE_GUIDES !== '1') return
  mkdirSync(imagesFolder, { recursive: true })
  await page.evaluate(() => (document.activeElement as HTMLElement | null)?.blur())
  await page.screenshot({ path: `${imagesFolder}${name}.png`, animations: 'disabled' })
}
