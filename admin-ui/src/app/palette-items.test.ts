import { IconKey } from '@tabler/icons-react'
import { expect, test } from 'vitest'
import { matching, requestIdIn } from './palette-items.ts'

const item = (label: string, more: { description?: string; keywords?: string } = {}) => ({
  id: label,
  label,
  icon: IconKey,
  act: () => {},
  ...more,
})
const groups = [
  { title: 'Pages', items: [item('Keys'), item('Billing', { keywords: 'money top up balance' })] },
  { title: 'Keys', whenAsked: true, items: [item('laptop', { description: 'sk-brs-k3m9…4f2K' })] },
]
const found = (query: string) =>
  matching(groups, query).flatMap(({ items }) => items.map(({ label }) => label))

test('before anything is typed the palette offers the pages', () => {
  expect(found('')).toEqual(['Keys', 'Billing'])
})

test('every word must be found, in any order, also in what else a thing is called', () => {
  expect(found('balance')).toEqual(['Billing'])
  expect(found('up money')).toEqual(['Billing'])
  expect(found('4f2k')).toEqual(['laptop'])
  expect(found('key laptop')).toEqual(['laptop'])
  expect(found('nothing like it')).toEqual([])
})

test('the id of a request is recognised, and nothing else is taken for one', () => {
  expect(requestIdIn(' gen-01m8255a7aed88rc8fmb0dre8t ')).toBe('gen-01m8255a7aed88rc8fmb0dre8t')
  expect(requestIdIn('gen-01')).toBeUndefined()
  expect(requestIdIn('lst-01m8255a7aed88rc8fmb0dre8t')).toBeUndefined()
})
