/**
 * Tool calls inside a stream. A client puts a call together by its `index`, and needs `id`, `type` and the name in
 * the first piece and nowhere else: SDKs glue repeated strings together.
 */
import { isObject, type JsonObject, synthesisedCallId } from './openai-message.ts'
import { MalformedReply } from './provider.ts'

// Eight times what any model has been seen to call at once.
const MAX_CALLS = 1024

interface Call {
  /** As the vendor gave it, `''` when it gave none. */
  id: string
  name: string
  /** The vendor's own index; some give every call the same, some give none. */
  vendorIndex: number | undefined
}

export interface ToolCallPieces {
  /** The pieces as clients need them; the vendor's own list when nothing was wrong with it. */
  pieces: readonly unknown[]
  text: string
  /** What the calls that begin with these pieces call. */
  names: readonly string[]
}

/** The calls of one choice so far. */
export class StreamedToolCalls {
  readonly #replyId: string
  readonly #choice: number
  readonly #calls: Call[] = []

  constructor(replyId: string, choice: number) {
    this.#replyId = replyId
    this.#choice = choice
  }

  get any(): boolean {
    return this.#calls.length > 0
  }

  /** Throws `MalformedReply` for pieces that belong to no call. */
  read(pieces: readonly unknown[]): ToolCallPieces {
    let text = ''
    const names: string[] = []
    let repaired: unknown[] | undefined
    for (let at = 0; at < pieces.length; at += 1) {
      const piece = pieces[at]
      if (!isObject(piece)) throw new MalformedReply('a tool call that is no object')
      const read = this.#readPiece(piece)
      text += read.text
      if (read.name !== '') names.push(read.name)
      if (read.piece !== piece) repaired ??= pieces.slice(0, at)
      repaired?.push(read.piece)
    }
    return { pieces: repaired ?? pieces, text, names }
  }

  /** `name` is what a client would come to call by this piece; '' when it only goes on with a call. */
  #readPiece(piece: JsonObject): { piece: JsonObject; text: string; name: string } {
    const fn = isObject(piece.function) ? piece.function : isObject(piece.custom) ? piece.custom : {}
    const id = typeof piece.id === 'string' ? piece.id : ''
    const name = typeof fn.name === 'string' ? fn.name : ''
    const vendorIndex = Number.isInteger(piece.index) ? (piece.index as number) : undefined
    const known = this.#find(id, name, vendorIndex)
    const index = known ?? this.#open({ id, name, vendorIndex })
    const isFirst = known === undefined
    if (isObject(piece.custom) && !isObject(piece.function)) {
      return {
        piece: piece.index === index ? piece : { ...piece, index },
        text: name + String(fn.input ?? ''),
        // Names of custom tools go on as they come, so each piece of one is looked at.
        name,
      }
    }
    const args = argumentsText(fn.arguments)
    const text = isFirst ? name + args : args
    if (isFirst) {
      const isWhole = piece.index === index && id !== '' && piece.type === 'function' && fn.arguments === args
      if (isWhole) return { piece, text, name }
      const callId = id === '' ? synthesisedCallId(this.#replyId, this.#choice, index) : id
      return {
        piece: { ...piece, index, id: callId, type: 'function', function: { ...fn, arguments: args } },
        text,
        name,
      }
    }
    const isBare = piece.id === undefined && piece.type === undefined && fn.name === undefined
    if (isBare && piece.index === index && fn.arguments === args) return { piece, text, name: '' }
    const { id: _id, type: _type, ...rest } = piece
    const { name: _name, ...restOfFunction } = fn
    return { piece: { ...rest, index, function: { ...restOfFunction, arguments: args } }, text, name: '' }
  }

  /** Which call a piece goes on with; `undefined` when it opens one. */
  #find(id: string, name: string, vendorIndex: number | undefined): number | undefined {
    for (let at = this.#calls.length - 1; at >= 0; at -= 1) {
      const call = this.#calls[at] as Call
      if (vendorIndex === undefined ? id !== '' && call.id !== id : call.vendorIndex !== vendorIndex) continue
      // Gemini's OpenAI door gives parallel calls the same index: a new name under a new id is a new call.
      const isAnother = name !== '' && (id === '' ? name !== call.name : id !== call.id)
      return isAnother || (vendorIndex === undefined && id === '' && name !== '') ? undefined : at
    }
    return undefined
  }

  #open(call: Call): number {
    if (call.name === '') throw new MalformedReply('a piece of a tool call that was never begun')
    if (this.#calls.length === MAX_CALLS) throw new MalformedReply(`more than ${MAX_CALLS} tool calls`)
    return this.#calls.push(call) - 1
  }
}

/** Arguments are a JSON text; servers that send the object itself mean the same. */
function argumentsText(given: unknown): string {
  if (typeof given === 'string') return given
  return given === undefined || given === null ? '' : JSON.stringify(given)
}
