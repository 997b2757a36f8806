import { expect, test } from 'vitest'
import { expectAccessible, expectNarrow } from './support/expect-accessible.ts'
import { raiseFurnishedStage } from './support/furnished.ts'
import { story } from './support/real-stage.ts'
import { routesOfConsole, settled } from './support/routes.ts'
import { views } from './support/views.ts'

const { stage, furnished } = raiseFurnishedStage()

test('every route of the console has its row', () => {
  expect(Object.keys(views).sort()).toEqual(routesOfConsole().sort())
})

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
