import { expect, test } from 'vitest'
import { sellerText, visibleText } from './seller-text.ts'

const RIGHT_TO_LEFT_OVERRIDE = '\u202e'
const ZERO_WIDTH_SPACE = '\u200b'

test('a listing cannot turn the text around its name, nor look like another by what is not seen', () => {
  const tricks = {
    override: `bay ${RIGHT_TO_LEFT_OVERRIDE}ecirp`,
    isolate: 'bay \u2067x\u2069',
    mark: 'bay\u200f',
    arabicMark: 'bay\u061c',
    zeroWidth: `b${ZERO_WIDTH_SPACE}ay`,
    joiner: 'b\u200day',
    byteOrder: '\ufeffbay'.replace('\ufeff', 'b\ufeff'),
    filler: 'b\u3164ay',
    jamoFiller: 'b\u115fay',
    blankBraille: 'b\u2800ay',
    softHyphen: 'b\u00aday',
    tag: 'bay\u{e0041}',
    lineSeparator: 'bay\u2028x',
    graphemeJoiner: 'b\u034fay',
  }
  for (const [trick, name] of Object.entries(tricks))
    expect(sellerText().safeParse(name).success, trick).toBe(false)
})

test('names in any script, with accents and emoji, are welcome', () => {
  for (const name of ['bay · Anthropic', 'Überseehafen', '北湾', 'मुंबई', 'חיפה', 'ميناء', 'naïve'])
    expect(sellerText().parse(name)).toBe(name.normalize('NFC'))
  expect(sellerText().parse('coffee ☕\ufe0f')).toBe('coffee ☕')
})

test('two ways of writing the same letters are one name', () => {
  expect(sellerText().parse('Cafe\u0301')).toBe(sellerText().parse('Café'))
})

test('a name that was stored before names were checked is shown without what nobody can see', () => {
  expect(visibleText(`b${ZERO_WIDTH_SPACE}ay${RIGHT_TO_LEFT_OVERRIDE}`)).toBe('bay')
  expect(visibleText(RIGHT_TO_LEFT_OVERRIDE)).toBe('unnamed')
})
