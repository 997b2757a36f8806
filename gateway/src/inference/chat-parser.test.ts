import { expect, test } from 'vitest'
import { createLogger } from '../platform/logger.ts'
import { createChatParser } from './chat-parser.ts'

const large = (content: string) =>
  Buffer.from(JSON.stringify({ model: 'm', messages: [{ role: 'user', content }] }))

test('a body of a megabyte is read on another thread and says the same as a small one', async () => {
  const parser = createChatParser({ logger: createLogger({ level: 'silent' }) })
  const parsed = await parser.parse(large('long '.repeat(200_000)))
  expect(parsed.request.model).toBe('m')
  expect([...parsed.members.spans.keys()]).toEqual(['model', 'messages'])
  await parser.close()
})

test('a large body that is wrong gets the same error as a small one', async () => {
  const parser = createChatParser({ logger: createLogger({ level: 'silent' }) })
  const wrong = Buffer.from(JSON.stringify({ model: 'm', messages: 'x'.repeat(400_000) }))
  await expect(Promise.resolve(parser.parse(wrong))).rejects.toMatchObject({
    code: 'invalid_value',
    details: { param: 'messages' },
  })
  await parser.close()
})
