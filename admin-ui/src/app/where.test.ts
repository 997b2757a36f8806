import { expect, test } from 'vitest'
import { whereIs } from './where.ts'

test('the top bar names the page of the menu that a person is on, also below it', () => {
  expect(whereIs('/')).toEqual({ group: 'Use', page: 'Overview' })
  expect(whereIs('/requests/gen-01')).toEqual({ group: 'Use', page: 'Requests' })
  expect(whereIs('/run')).toEqual({ group: 'Run', page: 'Operations' })
  expect(whereIs('/run/users')).toEqual({ group: 'Run', page: 'Users' })
  expect(whereIs('/nowhere')).toBeUndefined()
})
