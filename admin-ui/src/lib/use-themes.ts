import { createContext, useContext, useSyncExternalStore } from 'react'
import type { ThemeChoice, ThemeName, Themes } from './themes.ts'

export const ThemesContext = createContext<Themes | undefined>(undefined)

/** What is chosen, what is shown, and how to choose. */
export function useThemes(): { choice: ThemeChoice; shown: ThemeName; choose: Themes['choose'] } {
  const themes = useContext(ThemesContext)
  if (!themes) throw new Error('useThemes needs the ThemesContext of app.tsx around it')
  return {
    choice: useSyncExternalStore(themes.subscribe, themes.choice),
    shown: useSyncExternalStore(themes.subscribe, themes.shown),
    choose: themes.choose,
  }
}
