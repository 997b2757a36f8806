import { expect, test } from 'vitest'
import type { ChatRequest } from '../providers/chat.ts'
import { undeclaredCall } from './declared-tools.ts'

const request = (more: object): ChatRequest => ({
  model: 'm',
  messages: [{ role: 'user', content: 'hi' }],
  ...more,
})

test('functions, custom tools and functions of the older kind may be called when they are declared', () => {
  const tools = [
    { type: 'function', function: { name: 'get_weather' } },
    { type: 'custom', custom: { name: 'run_sql' } },
  ]
  expect(undeclaredCall(request({ tools }), ['get_weather', 'run_sql'])).toBeUndefined()
  expect(undeclaredCall(request({ functions: [{ name: 'old' }] }), ['old'])).toBeUndefined()
  expect(undeclaredCall(request({}), [])).toBeUndefined()
})

test.each([
  ['nothing is declared', {}],
  ['another is', { tools: [{ type: 'function', function: { name: 'get_weather' } }] }],
  ['its name is only alike', { functions: [{ name: 'Run_shell' }, { name: 'run_shell2' }] }],
  ['declarations are rubbish', { functions: 'run_shell', tools: null }],
])('a call is a fault when %s', (_why, more) => {
  expect(undeclaredCall(request(more), ['run_shell'])).toMatchObject({
    class: 'malformed',
    integrity: 'undeclared_tool',
  })
})
