import { expect, test } from 'vitest'
import { type End, whoPays } from './who-pays.ts'

const buyer = { whole: 'all of it', delivered: 'prompt and what was delivered', nothing: 'nothing' } as const
const seller = { his_share: 'by the buyer', his_share_from_us: 'by us', nothing: 'by nobody' } as const

const contract: [string, End, string, string][] = [
  ['an answer is whole', { by: 'upstream_finished', empty: false }, 'all of it', 'by the buyer'],
  ['an answer is empty', { by: 'upstream_finished', empty: true }, 'nothing', 'by nobody'],
  [
    'the client leaves before the upstream answers',
    { by: 'client_gone', stage: 'asked' },
    'nothing',
    'by nobody',
  ],
  [
    'the client leaves between headers and content',
    { by: 'client_gone', stage: 'answered' },
    'prompt and what was delivered',
    'by the buyer',
  ],
  [
    'the client leaves in mid-stream',
    { by: 'client_gone', stage: 'delivering' },
    'prompt and what was delivered',
    'by the buyer',
  ],
  [
    'the client leaves after the last content',
    { by: 'client_gone', stage: 'finished' },
    'prompt and what was delivered',
    'by the buyer',
  ],
  [
    'the client reads too slowly',
    { by: 'slow_reader', stage: 'delivering' },
    'prompt and what was delivered',
    'by the buyer',
  ],
  [
    'the limit that the client set is reached',
    { by: 'max_cost', stage: 'delivering' },
    'prompt and what was delivered',
    'by the buyer',
  ],
  ['the upstream breaks', { by: 'upstream_broke' }, 'nothing', 'by nobody'],
  ['we break before the upstream answers', { by: 'we_broke', stage: 'asked' }, 'nothing', 'by nobody'],
  ['we break in mid-stream', { by: 'we_broke', stage: 'delivering' }, 'nothing', 'by us'],
  ['we break after the last content', { by: 'we_broke', stage: 'finished' }, 'nothing', 'by us'],
]

test.each(contract)('when %s', (_, end, pays, paid) => {
  const verdict = whoPays(end)
  expect([buyer[verdict.buyer], seller[verdict.seller]]).toEqual([pays, paid])
})

test('whoever pays has a record and a receipt; so has who asked and got nothing', () => {
  for (const [, end] of contract) {
    const { buyer: pays, recorded } = whoPays(end)
    expect(recorded).toBe(pays !== 'nothing' || end.by === 'upstream_finished')
  }
})
