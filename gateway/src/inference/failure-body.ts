import type { UpstreamFailure } from '../providers/outcome.ts'
import type { Headers, WireFormat } from '../providers/provider.ts'

// Error bodies are short; what is longer is cut, the class does not depend on the tail.
const MAX_ERROR_BYTES = 64 * 1024

/** Gathers the body of an answer that is not what was asked for, and names what it means. */
export class FailureBody {
  readonly #answer: { status: number; headers: Headers }
  readonly #chunks: Buffer[] = []
  #size = 0

  constructor(answer: { status: number; headers: Headers }) {
    this.#answer = answer
  }

  add(chunk: Buffer): void {
    if (this.#size >= MAX_ERROR_BYTES) return
    this.#chunks.push(chunk)
    this.#size += chunk.length
  }

  classify(format: WireFormat, nowMs: number): UpstreamFailure {
    return format.classifyFailure({ ...this.#answer, body: Buffer.concat(this.#chunks), nowMs })
  }
}
