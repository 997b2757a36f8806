import { DEFAULT_THEME, defaultCssVariablesResolver, mergeMantineTheme } from '@mantine/core'
import { expect, test } from 'vitest'
import { THEMES, type ThemeName } from '../lib/themes.ts'
import { theme } from './theme.ts'
import { variablesOf } from './theme-variables.ts'

const colors = ['indigo', 'blue', 'cyan', 'teal', 'green', 'lime', 'yellow', 'orange', 'red', 'pink', 'grape']
const shown = [...colors, 'violet', 'gray']

/** Every variable of a theme as the browser will have it, references followed. */
function colorsOf(name: ThemeName): (variable: string) => string {
  const merged = mergeMantineTheme(DEFAULT_THEME, theme)
  const scheme = name === 'light' ? 'light' : 'dark'
  const standard = defaultCssVariablesResolver(merged)
  const ours = variablesOf(name)(merged)
  const all: Record<string, string> = { ...standard.variables, ...standard[scheme], ...ours[scheme] }
  return function follow(variable: string): string {
    const value = all[variable]
    if (value === undefined) throw new Error(`no ${variable} in ${name}`)
    const reference = /^var\((--[\w-]+)\)$/.exec(value)
    return reference?.[1] ? follow(reference[1]) : value
  }
}

/** WCAG's contrast of two colours written `#rrggbb` or `rgba(r, g, b, 1)`. */
function contrast(left: string, right: string): number {
  const [bright, dim] = [luminance(left), luminance(right)].sort((a, b) => b - a) as [number, number]
  return (bright + 0.05) / (dim + 0.05)
}

function luminance(color: string): number {
  const parts = color.startsWith('#')
    ? [1, 3, 5].map((at) => Number.parseInt(color.slice(at, at + 2), 16))
    : (color.match(/\d+(\.\d+)?/g) ?? []).slice(0, 3).map(Number)
  if (parts.length < 3 || parts.some(Number.isNaN)) throw new Error(`not a colour: ${color}`)
  const [red, green, blue] = parts.map((part) => {
    const share = part / 255
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4
  }) as [number, number, number]
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue
}

test.each(THEMES)('every text of the %s theme has AA contrast on every ground it stands on', (name) => {
  const of = colorsOf(name)
  const grounds = ['--mantine-color-body', '--console-ground', '--console-well', '--console-hover']
  const texts = ['text', 'dimmed', 'error', 'success', 'anchor', ...shown.map((color) => `${color}-text`)]
  const faint = grounds.flatMap((ground) =>
    texts
      .map((text) => ({ text, ground, ratio: contrast(of(`--mantine-color-${text}`), of(ground)) }))
      .filter(({ ratio }) => ratio < 4.5),
  )
  expect(faint).toEqual([])
})

test.each(THEMES)('badges, alerts and buttons of the %s theme have AA contrast', (name) => {
  const of = colorsOf(name)
  const faint = shown.flatMap((color) => {
    const mantine = (part: string): string => of(`--mantine-color-${color}-${part}`)
    return [
      { color, part: 'tint', ratio: contrast(mantine('light-color'), mantine('light')) },
      { color, part: 'filled', ratio: contrast('#ffffff', mantine('filled')) },
      { color, part: 'outline', ratio: contrast(mantine('outline'), of('--mantine-color-body')) },
    ].filter(({ ratio }) => ratio < 4.5)
  })
  expect(faint).toEqual([])
})

test.each(THEMES)('placeholders of the %s theme can be read in their fields', (name) => {
  const of = colorsOf(name)
  const field = name === 'light' ? of('--mantine-color-body') : of('--mantine-color-dark-6')
  expect(contrast(of('--mantine-color-placeholder'), field)).toBeGreaterThan(4.5)
})
