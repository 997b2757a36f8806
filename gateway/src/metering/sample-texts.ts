// How far a cut may move to stand at a space; a cut inside a word would add a token.
const MAX_CUT_SHIFT = 32

const SEED_CHARS = 16

/**
 * Up to `samples` samples of `chars` characters of `texts` taken as one, each somewhere in its own share of the whole;
 * a sample is the pieces of the texts it runs over. All of `texts`, as one sample, when that is no more. The places
 * depend on the texts alone, but nobody can tell them without the texts: what is hidden between fixed places shows.
 */
export function sampleTexts(texts: readonly string[], samples: number, chars: number): string[][] {
  const length = texts.reduce((sum, text) => sum + text.length, 0)
  if (length <= samples * chars) return [[...texts]]
  const random = randomFrom(texts, length)
  const share = length / samples
  const taken: string[][] = []
  let index = 0
  let indexStart = 0
  for (let sample = 0; sample < samples; sample += 1) {
    const offset = Math.floor(sample * share + random() * (share - chars))
    while (index < texts.length - 1 && indexStart + lengthAt(texts, index) <= offset) {
      indexStart += lengthAt(texts, index)
      index += 1
    }
    taken.push(piecesFrom(texts, { index, at: offset - indexStart, chars }))
  }
  return taken
}

/** `chars` characters from character `at` of text `index` on, over as many texts as it takes. */
function piecesFrom(
  texts: readonly string[],
  { index, at, chars }: { index: number; at: number; chars: number },
): string[] {
  const pieces: string[] = []
  let from = at
  let left = chars
  for (let next = index; next < texts.length && left > 0; next += 1) {
    const text = texts[next] as string
    const piece = cutAtSpaces(text, from, Math.min(text.length, from + left))
    if (piece !== '') pieces.push(piece)
    left -= text.length - from
    from = 0
  }
  return pieces
}

function cutAtSpaces(text: string, from: number, to: number): string {
  let start = from
  if (from > 0) {
    const space = text.slice(from, Math.min(to, from + MAX_CUT_SHIFT)).indexOf(' ')
    if (space >= 0) start = from + space
    else if (isLowSurrogate(text.charCodeAt(from))) start = from + 1
  }
  if (to >= text.length) return text.slice(start)
  // Only the last few characters are looked at: a text without a space would be searched to its beginning.
  const tailStart = Math.max(start + 1, to - MAX_CUT_SHIFT)
  const space = text.slice(tailStart, to + 1).lastIndexOf(' ')
  if (space >= 0) return text.slice(start, tailStart + space)
  return text.slice(start, isLowSurrogate(text.charCodeAt(to)) ? to - 1 : to)
}

/** Numbers from 0 to 1 that follow from the length of `texts` and a few of their characters. */
function randomFrom(texts: readonly string[], length: number): () => number {
  let state = length | 0
  const mix = (value: number) => {
    state = Math.imul(state ^ value, 0x01000193)
    state ^= state >>> 15
  }
  for (let at = 0; at < SEED_CHARS; at += 1) {
    const text = texts[Math.floor((at * texts.length) / SEED_CHARS)] as string
    mix(text.length)
    mix(text.charCodeAt(Math.floor((at * text.length) / SEED_CHARS)))
  }
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}

function lengthAt(texts: readonly string[], index: number): number {
  return (texts[index] as string).length
}

function isLowSurrogate(code: number): boolean {
  return code >= 0xdc00 && code <= 0xdfff
}
