import { afterAll, beforeAll, test } from 'vitest'
import { journalHistory } from '../../test/support/ledger-history.ts'
import { type OpenStage, openStage, playMany, SHARE } from '../../test/support/ledger-property.ts'

let stage: OpenStage

beforeAll(async () => {
  stage = await openStage()
})

afterAll(() => stage.close())

test(
  'whatever credits, refunds, payouts and write-offs come between requests, the books are what arithmetic says',
  ({ task }) => playMany(stage, journalHistory, task),
  SHARE.timeoutMs,
)
