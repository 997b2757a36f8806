import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { Page } from 'playwright-core'
import { expect, test } from 'vitest'
import { violationsOn } from './support/axe.ts'
import { type Furniture, furnish } from './support/furnished.ts'
import { raiseStage, story } from './support/real-stage.ts'
import { routesOfConsole, settled } from './support/routes.ts'
import { themes, wear } from './support/themes.ts'
import { raiseVendor, type Vendor } from './support/vendor.ts'
import { dialogs, views } from './support/views.ts'

let vendor: Vendor
const stage = raiseStage(async () => {
  vendor = await raiseVendor()
  return { outside: vendor.outside, env: { GATEWAY_SIGN_UP: 'open' } }
})
let furniture: Promise<Furniture> | undefined
const furnished = () => (furniture ??= furnish(stage, vendor))

test('every route of the console has its row, and every dialog in the sources is opened', () => {
  expect(Object.keys(views).sort()).toEqual(routesOfConsole().sort())
  expect(Object.keys(dialogs).sort()).toEqual(filesWithDialogs())
})

/** Files that draw a drawer or a dialog. */
function filesWithDialogs(): string[] {
  const folder = fileURLToPath(new URL('../src', import.meta.url))
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.tsx') && !name.startsWith('components/'))
    .filter((name) =>
      /<(Modal|Drawer|ConfirmDialog|DetailDrawer)\b/.test(readFileSync(`${folder}/${name}`, 'utf8')),
    )
    .sort()
}

story.each(Object.entries(views))(
  '%s can be used by everyone, in each look and at 360 px',
  async (_path, view) => {
    const found = await furnished()
    const { page, go } = await stage.visit({ as: view.signedOut ? undefined : found.person })
    for (const at of view.at(found)) {
      await go(at)
      await settled(page)
      await expectAccessible(page, at)
      await expectNarrow(page, at)
    }
    stage.forgive(/status of 4/)
  },
)

story.each(Object.entries(dialogs))(
  'the dialogs of %s can be used by everyone, in each look',
  async (file, openings) => {
    const found = await furnished()
    const person = openings.some(({ byAnother }) => byAnother)
      ? await stage.person({ name: 'Uma Rao', roles: ['buyer'] })
      : found.person
    const { page, go } = await stage.visit({ as: person })
    for (const opening of openings) {
      await go(opening.at(found))
      await settled(page)
      await opening.open?.(page)
      await page.getByRole('dialog').first().waitFor()
      await settled(page)
      await expectAccessible(page, file)
    }
  },
)

async function expectAccessible(page: Page, where: string): Promise<void> {
  for (const theme of themes) {
    await wear(page, theme)
    expect(await violationsOn(page), `${where} in ${theme}`).toEqual([])
  }
}

/** Nothing is cut off, and nobody scrolls sideways. */
async function expectNarrow(page: Page, where: string): Promise<void> {
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
