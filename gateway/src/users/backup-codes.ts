import { createHash, randomInt } from 'node:crypto'

// Crockford's alphabet: nothing that looks like something else on paper.
const ALPHABET = '0123456789abcdefghjkmnpqrstvwxyz'
const CODES = 10
// 80 bits: a plain hash of such a code tells nothing.
const CHARACTERS = 16

/** Ten codes for those who have lost their app, each good once: `k3f9-…` in groups of four. */
export function generateBackupCodes(): string[] {
  return Array.from({ length: CODES }, () => {
    const code = Array.from({ length: CHARACTERS }, () => ALPHABET[randomInt(ALPHABET.length)]).join('')
    return code.replace(/(.{4})(?=.)/g, '$1-')
  })
}

/** As a code is stored. Case, blanks and dashes do not count. */
export function hashBackupCode(code: string): Buffer {
  return createHash('sha256')
    .update(`backup code ${plainCode(code)}`)
    .digest()
}

/** A code as it was meant, however it was typed: in full width, or with a dash of a word processor. */
export function plainCode(code: string): string {
  return code
    .normalize('NFKC')
    .toLowerCase()
    .replace(/[^0-9a-z]/g, '')
}
