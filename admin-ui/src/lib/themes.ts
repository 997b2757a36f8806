/** Which look a person has chosen, kept in this browser and nowhere else. `system` is the look of the device. */
export const THEMES = ['light', 'dark', 'matrix'] as const

export type ThemeName = (typeof THEMES)[number]
export type ThemeChoice = ThemeName | 'system'

/** The only thing that the console keeps in `localStorage`; `public/theme.js` reads it before the first paint. */
const storageKey = 'bourse-theme'

export interface Themes {
  choice(): ThemeChoice
  /** What is shown: the choice, or what the device prefers. */
  shown(): ThemeName
  choose(choice: ThemeChoice): void
  /** Called when what is shown or chosen changes, also in another tab; returns the way to stop. */
  subscribe(listener: () => void): () => void
}

export interface ThemesDeps {
  /** `undefined` where the browser forbids it. */
  storage: Pick<Storage, 'getItem' | 'setItem' | 'removeItem'> | undefined
  /** Whether the device prefers dark. */
  prefersDark: Pick<MediaQueryList, 'matches' | 'addEventListener'>
  /** Another tab has chosen. */
  onStored: (listener: () => void) => void
  /** Marks the document, for its style. */
  mark: (theme: ThemeName) => void
}

export function createThemes({ storage, prefersDark, onStored, mark }: ThemesDeps): Themes {
  const listeners = new Set<() => void>()
  let choice = readChoice()

  function readChoice(): ThemeChoice {
    const kept = storage?.getItem(storageKey)
    return THEMES.find((theme) => theme === kept) ?? 'system'
  }
  function shown(): ThemeName {
    if (choice !== 'system') return choice
    return prefersDark.matches ? 'dark' : 'light'
  }
  function tell(): void {
    mark(shown())
    for (const listener of listeners) listener()
  }

  prefersDark.addEventListener('change', tell)
  onStored(() => {
    choice = readChoice()
    tell()
  })
  mark(shown())
  return {
    choice: () => choice,
    shown,
    choose(next) {
      choice = next
      if (next === 'system') storage?.removeItem(storageKey)
      else storage?.setItem(storageKey, next)
      tell()
    },
    subscribe(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
  }
}

/** The themes of this browser's window. */
export function themesOfWindow(): Themes {
  return createThemes({
    storage: storageOfWindow(),
    prefersDark: window.matchMedia('(prefers-color-scheme: dark)'),
    onStored: (listener) => window.addEventListener('storage', listener),
    mark(theme) {
      document.documentElement.dataset.theme = theme
      document.documentElement.dataset.mantineColorScheme = theme === 'light' ? 'light' : 'dark'
    },
  })
}

function storageOfWindow(): Storage | undefined {
  try {
    return window.localStorage
  } catch {
    // Some browsers throw for pages that may keep nothing.
    return undefined
  }
}
