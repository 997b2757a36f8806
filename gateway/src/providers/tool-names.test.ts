/** Whatever way a call is written, what it calls is seen. */
import { expect, test } from 'vitest'
import { openAiFormat } from './openai.ts'

const identity = { id: 'gen-1', model: 'm', createdS: 1 }

function namesInStream(...deltas: object[]): string[] {
  const reader = openAiFormat.openStream(identity)
  return deltas.flatMap((delta) => {
    const chunk = {
      id: 'x',
      object: 'chat.completion.chunk',
      created: 1,
      model: 'x',
      choices: [{ index: 0, delta }],
    }
    return [...(reader.readEvent('', JSON.stringify(chunk)).toolNames ?? [])]
  })
}

function namesInReply(message: object): readonly string[] {
  const body = {
    choices: [{ index: 0, message: { role: 'assistant', content: null, ...message }, finish_reason: 'stop' }],
  }
  return openAiFormat.readReply(Buffer.from(JSON.stringify(body)), identity).toolNames
}

const fn = (name: string, args = '{}') => ({
  id: `call_${name}`,
  type: 'function',
  function: { name, arguments: args },
})

test('calls in a whole answer are named: functions, custom tools and the older function call', () => {
  const custom = { id: 'call_c', type: 'custom', custom: { name: 'run_sql', input: 'SELECT 1' } }
  expect(namesInReply({ tool_calls: [fn('a'), custom, fn('b')] })).toEqual(['a', 'run_sql', 'b'])
  expect(namesInReply({ function_call: { name: 'old', arguments: '{}' } })).toEqual(['old'])
  expect(namesInReply({ content: 'a text' })).toEqual([])
})

test('calls in a stream are named once, where they begin', () => {
  expect(
    namesInStream(
      { tool_calls: [{ index: 0, ...fn('a', '') }] },
      { tool_calls: [{ index: 0, function: { arguments: '{}' } }] },
      {
        tool_calls: [
          { index: 0, ...fn('a', '{') },
          { index: 1, ...fn('b') },
        ],
      },
    ),
  ).toEqual(['a', 'b'])
  expect(
    namesInStream({ function_call: { name: 'old', arguments: '' } }, { function_call: { arguments: '{}' } }),
  ).toEqual(['old'])
})

test('a name that a client would glue to the first one is seen too', () => {
  const piece = (name: string) => ({
    tool_calls: [{ index: 0, id: 'c', type: 'custom', custom: { name, input: '' } }],
  })
  expect(namesInStream(piece('get'), piece('_shell'))).toEqual(['get', '_shell'])
})
