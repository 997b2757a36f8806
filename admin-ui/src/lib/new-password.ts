export const leastPasswordCharacters = 12
const leastDifferent = 5

/** What is wrong with a new password, in the gateway's terms; `null` when it will take it. */
export function newPasswordFault(password: string): string | null {
  if (password.length < leastPasswordCharacters) return `Use at least ${leastPasswordCharacters} characters`
  if (password.length > 128) return 'Use at most 128 characters'
  return new Set(password).size < leastDifferent ? 'Use at least five different characters' : null
}
