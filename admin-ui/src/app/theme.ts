import { createTheme, type MantineColorsTuple } from '@mantine/core'

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
  focusRing: 'auto',
  fontFamily: 'system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "Liberation Sans", sans-serif',
  fontFamilyMonospace: 'ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace',
  headings: { fontWeight: '650' },
  components: {
    // A state is a word: it is never cut short.
    Badge: {
      defaultProps: { variant: 'light', radius: 'sm', tt: 'none', fw: 600 },
      styles: { root: { minWidth: 'fit-content', flexShrink: 0 }, label: { overflow: 'visible' } },
    },
    // Clipped, not hidden: the titles of a table in a card can stay in sight while the page scrolls.
    Card: {
      defaultProps: { withBorder: true, padding: 'lg', radius: 'lg' },
      styles: { root: { overflow: 'clip' } },
    },
    Drawer: {
      defaultProps: { closeButtonProps: { 'aria-label': 'Close' } },
      styles: { title: { fontSize: '1.125rem', fontWeight: 650, overflowWrap: 'anywhere' } },
    },
    // The placeholder would be a child of the menu that is no item.
    Menu: { defaultProps: { withInitialFocusPlaceholder: false } },
    Modal: {
      defaultProps: { centered: true, radius: 'lg', size: 'lg', closeButtonProps: { 'aria-label': 'Close' } },
      styles: { title: { fontWeight: 650, overflowWrap: 'anywhere' } },
    },
    Tooltip: { defaultProps: { withArrow: true, events: { hover: true, focus: true, touch: true } } },
  },
})
