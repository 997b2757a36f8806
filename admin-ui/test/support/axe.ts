import axe from 'axe-core'
import type { Page } from 'playwright-core'

const tags = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa']

/** What axe finds against WCAG 2.1 A and AA on the page as it stands, one line each: rule, element, why. */
export async function violationsOn(page: Page): Promise<string[]> {
  // The debugger's way in: the page's policy would not let it load a script of ours.
  if (!(await page.evaluate(() => 'axe' in window))) await page.evaluate(axe.source)
  return page.evaluate(async (values) => {
    const run = (window as unknown as { axe: typeof axe }).axe.run
    const { violations } = await run(document, {
      runOnly: { type: 'tag', values },
      resultTypes: ['violations'],
    })
    return violations.flatMap(({ id, nodes }) =>
      nodes.map(({ html, failureSummary = '' }) => {
        const why = failureSummary.replaceAll(/\s+/g, ' ').slice(0, 260)
        return `${id}: ${html.slice(0, 220)} – ${why}`
      }),
    )
  }, tags)
}
