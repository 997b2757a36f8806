import type { Page } from 'playwright-core'

export type Theme = 'light' | 'dark' | 'matrix'
export const themes: readonly Theme[] = ['light', 'dark', 'matrix']

const KEPT_AS = 'bourse-theme'

/** As if it had been chosen in another tab: the page follows without being loaded again. */
export async function wear(page: Page, theme: Theme): Promise<void> {
  await page.evaluate(
    ([name, value]) => {
      if (document.documentElement.dataset.theme === value) return
      const ground = () => getComputedStyle(document.documentElement).getPropertyValue('--mantine-color-body')
      const before = ground()
      localStorage.setItem(name, value)
      window.dispatchEvent(new StorageEvent('storage', { key: name, newValue: value }))
      return new Promise<void>((done) => {
        // The mark comes first, the colours with the next drawing.
        const look = () =>
          ground() === before ? requestAnimationFrame(look) : requestAnimationFrame(() => done())
        look()
      })
    },
    [KEPT_AS, theme] as const,
  )
}
