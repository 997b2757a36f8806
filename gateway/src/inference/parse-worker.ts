/** The thread that parses large bodies, so that one agent's megabytes do not stall everybody's streams. */
import { parentPort } from 'node:worker_threads'
import { toGatewayError } from '../platform/errors.ts'
import type { ParseAnswer, ParseJob } from './chat-parser.ts'
import { parseChat } from './parse-chat.ts'

parentPort?.on('message', ({ id, bytes }: ParseJob) => {
  parentPort?.postMessage(answer(id, Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)))
})

function answer(id: number, bytes: Buffer): ParseAnswer {
  try {
    return { id, parsed: parseChat(bytes) }
  } catch (thrown) {
    const { code, message, details } = toGatewayError(thrown)
    return {
      id,
      refusal: { code, message, ...(details.param === undefined ? {} : { param: details.param }) },
    }
  }
}
