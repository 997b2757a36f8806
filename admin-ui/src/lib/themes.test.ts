import { readFileSync } from 'node:fs'
import { runInNewContext } from 'node:vm'
import { expect, test } from 'vitest'
import { createThemes, type ThemeName } from './themes.ts'

function browser({ kept, dark = false }: { kept?: string; dark?: boolean } = {}) {
  const store = new Map(kept === undefined ? [] : [['bourse-theme', kept]])
  const listeners: { system?: () => void; stored?: () => void } = {}
  const prefersDark = {
    matches: dark,
    addEventListener: (_: string, listener: unknown) => {
      listeners.system = listener as () => void
    },
  }
  const storage = {
    getItem: (key: string) => store.get(key) ?? null,
    setItem: (key: string, value: string) => void store.set(key, value),
    removeItem: (key: string) => void store.delete(key),
  }
  const marks: ThemeName[] = []
  return { store, storage, prefersDark, listeners, marks }
}

function themesOf({ storage, prefersDark, listeners, marks }: ReturnType<typeof browser>) {
  return createThemes({
    storage,
    prefersDark,
    onStored: (listener) => {
      listeners.stored = listener
    },
    mark: (theme) => marks.push(theme),
  })
}

test('the device decides until a person does, and again when the choice is given back', () => {
  const scene = browser({ dark: true })
  const themes = themesOf(scene)
  expect(themes.shown()).toBe('dark')
  themes.choose('matrix')
  expect([themes.shown(), scene.store.get('bourse-theme')]).toEqual(['matrix', 'matrix'])
  themes.choose('system')
  expect([themes.shown(), scene.store.size]).toEqual(['dark', 0])
  scene.prefersDark.matches = false
  scene.listeners.system?.()
  expect(scene.marks).toEqual(['dark', 'matrix', 'dark', 'light'])
})

test('a choice made in another tab is shown here too', () => {
  const scene = browser()
  const themes = themesOf(scene)
  const heard: string[] = []
  themes.subscribe(() => heard.push(themes.shown()))
  scene.store.set('bourse-theme', 'matrix')
  scene.listeners.stored?.()
  expect(heard).toEqual(['matrix'])
})

test('a browser that keeps nothing, or something strange, shows the theme of the device', () => {
  expect(themesOf(browser({ kept: 'neon', dark: true })).shown()).toBe('dark')
  const scene = browser()
  const themes = createThemes({ ...scene, storage: undefined, onStored: () => {}, mark: () => {} })
  themes.choose('dark')
  expect(themes.shown()).toBe('dark')
})

const script = readFileSync(new URL('../../public/theme.js', import.meta.url), 'utf8')

test.each([
  { kept: 'light', dark: true },
  { kept: 'dark' },
  { kept: 'matrix' },
  { dark: true },
  { dark: false },
  { kept: 'neon', dark: true },
])('before the first paint %o looks as it does afterwards', (state) => {
  const scene = browser(state)
  const dataset: Record<string, string> = {}
  runInNewContext(script, {
    document: { documentElement: { dataset } },
    localStorage: scene.storage,
    matchMedia: () => scene.prefersDark,
  })
  const shown = themesOf(scene).shown()
  expect(dataset).toEqual({ theme: shown, mantineColorScheme: shown === 'light' ? 'light' : 'dark' })
})
