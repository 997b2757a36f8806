import { type CSSVariablesResolver, createTheme, type MantineColorsTuple } from '@mantine/core'

const neutral: MantineColorsTuple = [
  '#fafafa',
  '#f4f4f5',
  '#e4e4e7',
  '#d4d4d8',
  '#a1a1aa',
  '#85858f',
  '#6b6b75',
  '#52525b',
  '#3f3f46',
  '#27272a',
]

const night: MantineColorsTuple = [
  '#d9d9de',
  '#b9b9c1',
  '#96969f',
  '#62626b',
  '#3f3f46',
  '#2e2e33',
  '#202024',
  '#17171a',
  '#101012',
  '#0a0a0b',
]

/** Neutral greys and one indigo. Amounts and table cells use figures of one width. */
export const theme = createTheme({
  primaryColor: 'indigo',
  primaryShade: { light: 7, dark: 8 },
  colors: { gray: neutral, dark: night },
  defaultRadius: 'md',
  cursorType: 'pointer',
  fontFamily: 'system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "Liberation Sans", sans-serif',
  fontFamilyMonospace: 'ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace',
  headings: { fontWeight: '650' },
  components: {
    Badge: { defaultProps: { variant: 'light', radius: 'sm', tt: 'none', fw: 600 } },
    Card: { defaultProps: { withBorder: true, padding: 'lg', radius: 'lg' } },
    Modal: {
      defaultProps: { centered: true, radius: 'lg', size: 'lg', closeButtonProps: { 'aria-label': 'Close' } },
    },
    Tooltip: { defaultProps: { withArrow: true, events: { hover: true, focus: true, touch: true } } },
  },
})

/** Text on a tinted ground. Mantine's own choice misses WCAG AA (4.5 : 1) for these. */
const onTint = {
  light: {
    indigo: '#2b3fae',
    red: '#a51d1d',
    green: '#1b6630',
    yellow: '#774100',
    orange: '#8a3b00',
    gray: '#3f3f46',
  },
  dark: {
    indigo: '#bac8ff',
    red: '#ffc9c9',
    green: '#b2f2bb',
    yellow: '#ffec99',
    orange: '#ffd8a8',
    gray: '#d9d9de',
  },
} as const

/** Corrects Mantine's variables where the defaults fall below AA contrast. */
export const contrastVariables: CSSVariablesResolver = () => ({
  variables: {},
  light: {
    '--mantine-color-body': '#ffffff',
    '--mantine-color-dimmed': neutral[7],
    '--mantine-color-placeholder': neutral[6],
    '--mantine-color-error': '#c01f1f',
    '--mantine-color-anchor': '#3b55d6',
    ...tintVariables('light'),
  },
  dark: {
    '--mantine-color-body': night[7],
    '--mantine-color-dimmed': night[1],
    '--mantine-color-placeholder': night[2],
    '--mantine-color-error': '#ff9c9c',
    '--mantine-color-anchor': '#a3b5ff',
    '--mantine-color-gray-light': 'rgba(255, 255, 255, 0.1)',
    ...tintVariables('dark'),
  },
})

function tintVariables(scheme: 'light' | 'dark'): Record<string, string> {
  return Object.fromEntries(
    Object.entries(onTint[scheme]).map(([color, text]) => [`--mantine-color-${color}-light-color`, text]),
  )
}
