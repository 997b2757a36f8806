// The tokenizer takes time with the square of a word's length (8,192 characters: 100-280 ms, 128: below 0.1 ms).
// No word of any language is longer; a cut inside a run of one kind adds at most a token or two per cut.
export const MAX_RUN = 128

/**
 * `text` in pieces that hold no unbroken run (letters, space, or other signs) longer than `maxRun`; nearly always
 * the text itself as the only piece.
 */
export function splitLongRuns(text: string, maxRun = MAX_RUN): string[] {
  const pieces: string[] = []
  let pieceStart = 0
  let runStart = 0
  let runKind = -1
  for (let at = 0; at < text.length; at += 1) {
    const kind = kindOf(text.charCodeAt(at))
    if (kind !== runKind) {
      runKind = kind
      runStart = at
    } else if (at - runStart >= maxRun && !isLowSurrogate(text.charCodeAt(at))) {
      pieces.push(text.slice(pieceStart, at))
      pieceStart = at
      runStart = at
    }
  }
  pieces.push(pieceStart === 0 ? text : text.slice(pieceStart))
  return pieces
}

const LETTER = 0
const SPACE = 1
const SIGN = 2

/** A rougher classing than the tokenizer's own: where it says "same run" the tokenizer may still break. */
function kindOf(code: number): number {
  if (code <= 0x20) return SPACE
  if (code < 0x80) {
    const lower = code | 0x20
    return (lower >= 0x61 && lower <= 0x7a) || (code >= 0x30 && code <= 0x39) ? LETTER : SIGN
  }
  if (code === 0xa0 || code === 0x3000) return SPACE
  // General and CJK punctuation, full-width signs: they end a run of ideographs as a full stop ends a word.
  if (
    (code >= 0x2000 && code <= 0x206f) ||
    (code >= 0x3001 && code <= 0x303f) ||
    (code >= 0xff00 && code <= 0xff0f)
  )
    return SIGN
  return LETTER
}

function isLowSurrogate(code: number): boolean {
  return code >= 0xdc00 && code <= 0xdfff
}
