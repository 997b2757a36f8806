import { afterAll, beforeAll, test } from 'vitest'
import { requestHistory } from '../../test/support/ledger-history.ts'
import { type OpenStage, openStage, playMany, SHARE } from '../../test/support/ledger-property.ts'
import { stories } from '../../test/support/ledger-stories.ts'

let stage: OpenStage

beforeAll(async () => {
  stage = await openStage()
})

afterAll(() => stage.close())

test(
  'after any history of requests, repeated, late, expired or over their hold, the books are what arithmetic says',
  ({ task }) => playMany(stage, requestHistory, task, stories),
  SHARE.timeoutMs,
)
