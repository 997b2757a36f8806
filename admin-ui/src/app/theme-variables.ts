/**
 * The colours of the three themes as CSS variables: Mantine's own where they pass WCAG AA (4.5 : 1), ours where they
 * do not. Mantine knows light and dark; Matrix is its dark with other variables. `theme-variables.test.ts` measures them.
 */
import type { CSSVariablesResolver } from '@mantine/core'
import type { ThemeName } from '../lib/themes.ts'

type Variables = Record<string, string>

/** Text on a tint, on a page, and (in the light theme) the ground under white text. */
const inkOf = {
  light: {
    indigo: '#2b3fae',
    blue: '#0f4f94',
    cyan: '#0b5666',
    teal: '#075e45',
    green: '#1b6630',
    lime: '#3d5f0b',
    yellow: '#774100',
    orange: '#8a3b00',
    red: '#a51d1d',
    pink: '#98204f',
    grape: '#7a2a90',
    violet: '#5630b8',
    gray: '#3f3f46',
  },
  dark: {
    indigo: '#bac8ff',
    blue: '#a5d8ff',
    cyan: '#99e9f2',
    teal: '#96f2d7',
    green: '#b2f2bb',
    lime: '#d8f5a2',
    yellow: '#ffec99',
    orange: '#ffd8a8',
    red: '#ffc9c9',
    pink: '#fcc2d7',
    grape: '#eebefa',
    violet: '#d0bfff',
    gray: '#d9d9de',
  },
} as const

const light: Variables = {
  '--console-ground': '#f6f6f7',
  '--console-line': '#e4e4e7',
  '--console-well': '#fafafa',
  '--console-hover': '#f4f4f5',
  '--mantine-color-text': '#18181b',
  '--mantine-color-body': '#ffffff',
  '--mantine-color-dimmed': '#52525b',
  '--mantine-color-placeholder': '#6b6b75',
  '--mantine-color-error': '#c01f1f',
  '--mantine-color-success': inkOf.light.green,
  '--mantine-color-anchor': '#3b55d6',
  ...inks('light'),
}

const dark: Variables = {
  '--console-ground': '#101012',
  '--console-line': '#2e2e33',
  '--console-well': '#101012',
  '--console-hover': '#2e2e33',
  '--mantine-color-body': '#17171a',
  '--mantine-color-dimmed': '#b9b9c1',
  '--mantine-color-placeholder': '#96969f',
  '--mantine-color-error': '#ff9c9c',
  '--mantine-color-success': inkOf.dark.green,
  '--mantine-color-anchor': '#a3b5ff',
  '--mantine-color-gray-light': '#303034',
  '--mantine-color-gray-light-hover': '#3a3a3f',
  ...inks('dark'),
}

/** A screen of the seventies: phosphor on near-black; amber warns, red is loss. */
const matrix: Variables = {
  ...dark,
  ...shades('dark', [
    '#b6f5c6',
    '#8fdca6',
    '#74c18c',
    '#4b8a60',
    '#1f4a2d',
    '#163521',
    '#0a160e',
    '#0a120c',
    '#070d08',
    '#050805',
  ]),
  ...shades('gray', [
    '#e6fbec',
    '#cfeeda',
    '#b6dcc3',
    '#98c4a8',
    '#7da88d',
    '#618a70',
    '#486b55',
    '#33503e',
    '#22382b',
    '#14241b',
  ]),
  ...shades('indigo', [
    '#d5ffe1',
    '#a8f7c0',
    '#7aefa0',
    '#4fe383',
    '#2fd46c',
    '#1fbf5b',
    '#19a54e',
    '#138a40',
    '#0e6f33',
    '#0a5426',
  ]),
  // Beside the phosphor of indigo, the chart colours that are green by name lean to yellow.
  '--mantine-color-green-8': '#d4f77a',
  '--console-ground': '#050805',
  '--console-line': '#163521',
  '--console-well': '#050805',
  '--console-hover': '#0e2015',
  '--mantine-color-body': '#0a120c',
  '--mantine-color-text': '#b6f5c6',
  '--mantine-color-bright': '#d5ffe1',
  '--mantine-color-default-color': '#b6f5c6',
  '--mantine-color-dimmed': '#8fdca6',
  '--mantine-color-placeholder': '#74c18c',
  '--mantine-color-anchor': '#7aefa0',
  '--mantine-color-error': '#ff8a8a',
  '--mantine-color-success': '#7aefa0',
  '--mantine-font-family-headings': 'var(--mantine-font-family-monospace)',
  '--mantine-color-gray-light': '#12241a',
  '--mantine-color-gray-light-hover': '#193224',
  ...ink('indigo', '#a8f7c0', { tint: '#0d2b18', filled: '#0e6f33' }),
  ...ink('green', '#a8f7c0', { tint: '#0d2b18', filled: '#0e6f33' }),
  ...ink('yellow', '#ffc95c', { tint: '#2b1f05', filled: inkOf.light.yellow }),
  ...ink('orange', '#ffb066', { tint: '#2f1a05', filled: inkOf.light.orange }),
  ...ink('red', '#ff9d9d', { tint: '#330d0d', filled: inkOf.light.red }),
  ...ink('gray', '#cfeeda', { tint: '#12241a', filled: '#33503e' }),
}

/** What Mantine makes of a theme's name. */
export function variablesOf(theme: ThemeName): CSSVariablesResolver {
  return () => ({ variables: {}, light, dark: theme === 'matrix' ? matrix : dark })
}

function inks(scheme: 'light' | 'dark'): Variables {
  return Object.assign(
    {},
    ...Object.entries(inkOf[scheme]).map(([color, text]) =>
      // White text needs a dark ground in both schemes; the one indigo is Mantine's own and passes.
      ink(color, text, color === 'indigo' ? {} : { filled: inkOf.light[color as keyof typeof inkOf.light] }),
    ),
  )
}

function ink(color: string, text: string, { tint, filled }: { tint?: string; filled?: string }): Variables {
  const name = `--mantine-color-${color}`
  return {
    [`${name}-light-color`]: text,
    [`${name}-text`]: text,
    [`${name}-outline`]: text,
    ...(tint ? { [`${name}-light`]: tint, [`${name}-light-hover`]: tint } : {}),
    ...(filled
      ? {
          [`${name}-filled`]: filled,
          [`${name}-filled-hover`]: `color-mix(in srgb, ${filled}, black 15%)`,
        }
      : {}),
  }
}

function shades(color: string, tuple: readonly string[]): Variables {
  return Object.fromEntries(tuple.map((value, index) => [`--mantine-color-${color}-${index}`, value]))
}
