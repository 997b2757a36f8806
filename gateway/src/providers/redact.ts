/** Takes out of an upstream's words what names the seller or opens his account, so that a buyer may read them. */

// Long enough for every message worth reading; also what the patterns below run over.
const MAX_CHARACTERS = 1000

const GONE = '[redacted]'

const PATTERNS: readonly RegExp[] = [
  // A key that is introduced as one, whatever it looks like.
  /\b(?:bearer|basic)\s+[^\s"',;]{4,}/gi,
  /\b(?:api[-_ ]?key|x-api-key|authorization|token|secret)\b["']?\s*[:=]\s*["']?[^\s"',;]{4,}/gi,
  // The vendors' own shapes, also with the middle starred out.
  /\b(?:sk|pk|rk|gsk|xai|pplx|csk|tgp|nvapi|ya29)[-_.][\w.*-]{3,}/g,
  /\b(?:AIza[\w*-]{6,}|(?:fw|hf|r8|org|proj|acct)[-_][\w.*-]{6,})/g,
  /\b(?:key|user|req|account|workspace|project|team)[-_](?=[\w-]*\d)[\w-]{8,}/g,
  /[^\s*]{0,64}\*{3,}\S{0,64}/g,
  /\b[\w.+-]{1,64}@[\w-]{1,64}(?:\.[\w-]{1,64})+/g,
  /\b[a-z][a-z0-9+.-]{1,16}:\/\/[^\s"'<>]+/gi,
  /\b(?:organi[sz]ation|workspace|project|account|team)\s+[`'"][^`'"]{1,128}[`'"]/gi,
  // Whatever is left that only a machine would write: ids, hashes, JWTs.
  /\b(?=[\w-]*\d)[\w-]{32,}(?:\.[\w-]+)*/g,
]

/** `text` in one line of at most 1,000 characters, without keys, accounts, addresses and links. */
export function redact(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is taken out
  let clean = text.slice(0, MAX_CHARACTERS).replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]+/g, ' ')
  for (const pattern of PATTERNS) clean = clean.replace(pattern, GONE)
  return clean.trim()
}
