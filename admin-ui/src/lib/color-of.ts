import type { UsageAnswer } from '@bourse/gateway/api/analytics'

/** Colours of the theme that are told apart beside each other, in both lightnesses of the page. */
const palette = [
  'indigo.6',
  'teal.6',
  'orange.6',
  'grape.6',
  'cyan.7',
  'pink.6',
  'lime.8',
  'violet.4',
  'yellow.7',
  'red.7',
  'blue.4',
  'green.8',
  'orange.3',
  'teal.4',
  'grape.3',
  'indigo.3',
]

/** What is left over, or has no name. */
export const restColor = 'gray.5'

/** The colour of a model, seller or key: the same on every page, made of its name alone. */
export function colorOf(name: string): string {
  return palette[hash(name) % palette.length] as string
}

/** The colours of things that are drawn together: two that would have the same one give way, the later in the alphabet. */
export function colorsOf(names: readonly string[]): ReadonlyMap<string, string> {
  const taken = new Set<string>()
  const colors = new Map<string, string>()
  for (const name of names.toSorted()) {
    const wanted = hash(name) % palette.length
    const free = palette.map((_, step) => palette[(wanted + step) % palette.length] as string)
    const color = free.find((each) => !taken.has(each)) ?? colorOf(name)
    taken.add(color)
    colors.set(name, color)
  }
  return colors
}

/** The colours of what a chart of these sums is drawn in; what cost nothing is not in it. */
export function colorsOfParts(usage: Pick<UsageAnswer, 'data'> | undefined): ReadonlyMap<string, string> {
  const drawn = new Set<string>()
  for (const { parts = [] } of usage?.data ?? [])
    for (const { id, costNanos } of parts) if (id !== null && costNanos !== '0') drawn.add(id)
  return colorsOf([...drawn])
}

/** FNV-1a, folded once: short, and even enough for sixteen colours. */
function hash(text: string): number {
  let value = 0x811c9dc5
  for (let index = 0; index < text.length; index += 1)
    value = Math.imul(value ^ text.charCodeAt(index), 0x01000193) >>> 0
  return (value ^ (value >>> 13)) >>> 0
}
