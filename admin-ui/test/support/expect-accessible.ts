import type { Page } from 'playwright-core'
import { expect } from 'vitest'
import { violationsOn } from './axe.ts'
import { settled } from './routes.ts'
import { themes, wear } from './themes.ts'

/** No violation of WCAG 2.1 A and AA, in each look. */
export async function expectAccessible(page: Page, where: string): Promise<void> {
  for (const theme of themes) {
    await wear(page, theme)
    expect(await violationsOn(page), `${where} in ${theme}`).toEqual([])
  }
}

/** Nothing is cut off, and nobody scrolls sideways. */
export async function expectNarrow(page: Page, where: string): Promise<void> {
  const size = page.viewportSize() ?? { width: 1180, height: 820 }
  await page.setViewportSize({ width: 360, height: 740 })
  await settled(page)
  const wide = await page.evaluate(() => {
    const page = document.documentElement
    if (page.scrollWidth <= page.clientWidth) return []
    return [...document.querySelectorAll('body *')]
      .filter((node) => node.getBoundingClientRect().right > page.clientWidth + 1)
      .slice(-5)
      .map((node) => `${node.outerHTML.slice(0, 160)} reaches ${node.getBoundingClientRect().right}`)
  })
  expect(wide, `${where} at 360 px`).toEqual([])
  await page.setViewportSize(size)
}
