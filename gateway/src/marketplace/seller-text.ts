/** Text that sellers write and others read. */
import { displayName } from '../users/schema.ts'

/**
 * Characters that are not seen and change what is: directions of writing, joiners and spaces of no width, fillers,
 * tags and variation selectors. With them a name can look like another's, or turn the text around it.
 */
const UNSEEN = /[\p{Cf}\p{DI}\p{Zl}\p{Zp}\u2800]/u
// Phones put it behind every emoji; without it the emoji is still one.
const EMOJI_STYLE = '\ufe0f'

/** A name as `displayName`, without characters that nobody can see; letters and marks of any script are welcome. */
export const sellerText = (maxCharacters = 100) =>
  displayName(maxCharacters)
    .transform((text) => text.normalize('NFC').replaceAll(EMOJI_STYLE, ''))
    .refine(
      (text) => text !== '' && !UNSEEN.test(text),
      'must not contain invisible characters or marks that change the direction of writing',
    )

/** What was stored before names were checked, without what nobody can see. */
export function visibleText(text: string): string {
  const seen = text.replaceAll(new RegExp(UNSEEN, 'gu'), '').trim()
  return seen === '' ? 'unnamed' : seen
}
