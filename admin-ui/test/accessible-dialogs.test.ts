import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { expectAccessible } from './support/expect-accessible.ts'
import { raiseFurnishedStage } from './support/furnished.ts'
import { story } from './support/real-stage.ts'
import { settled } from './support/routes.ts'
import { dialogs } from './support/views.ts'

const { stage, furnished } = raiseFurnishedStage()

test('every dialog in the sources is opened', () => {
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
