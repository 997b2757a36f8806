/** What a browser has to load before a page can be used, measured on the files that the gateway serves. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { expect, inject, test } from 'vitest'
import type {} from './support/build-console.ts'
import { hasChromium } from './support/chromium.ts'

/** The console is built where there is a browser to look at it. */
const built = test.runIf(hasChromium)

const limitBytes = 400_000
const drawing = 'src/components/trend-drawing.tsx'

interface Chunk {
  file: string
  imports?: string[]
  dynamicImports?: string[]
}

const manifest = (): Record<string, Chunk> =>
  JSON.parse(readFileSync(join(inject('consoleFiles'), '.vite/manifest.json'), 'utf8'))

/** The files of `entries` and of everything that they import before they run. */
function filesOf(chunks: Record<string, Chunk>, entries: readonly string[]): string[] {
  const seen = new Set<string>()
  const follow = (name: string): void => {
    const chunk = chunks[name]
    if (!chunk) throw new Error(`the manifest has no ${name}`)
    if (seen.has(name)) return
    seen.add(name)
    for (const next of chunk.imports ?? []) follow(next)
  }
  for (const entry of entries) follow(entry)
  return [...seen].map((name) => chunks[name]?.file ?? '').filter((file) => file.endsWith('.js'))
}

const measured = new Map<string, number>()

/** Pages share most of their files. */
function gzipBytes(file: string): number {
  const bytes = measured.get(file) ?? gzipSync(readFileSync(join(inject('consoleFiles'), file))).length
  measured.set(file, bytes)
  return bytes
}

/** Code and styles that another host would have to send. */
function foreignLoads(source: string): string[] {
  return (
    source.match(
      /(?:\bimport\s*\(?|\bfrom|\bimportScripts\s*\()\s*["'`](?:https?:)?\/\/[^"'`]+|@import\s+(?:url\()?["']?(?:https?:)?\/\/[^"')]+|url\(\s*["']?(?:https?:)?\/\/[^"')]+/g,
    ) ?? []
  )
}

built('the requests page can be used, charts and all, after 400 kB of JavaScript', () => {
  const chunks = manifest()
  const files = filesOf(chunks, ['index.html', 'src/features/requests/requests-page.tsx', drawing])
  const bytes = files.reduce((sum, file) => sum + gzipBytes(file), 0)
  expect(bytes).toBeGreaterThan(50 * 1_024)
  expect(bytes).toBeLessThanOrEqual(limitBytes)
})

built('no page waits for the charts, whose code is the largest there is', () => {
  const chunks = manifest()
  const file = chunks[drawing]?.file
  const pages = Object.keys(chunks).filter((name) => name.endsWith('-page.tsx'))
  expect(pages.length).toBeGreaterThan(20)
  const waiting = pages.filter((page) => filesOf(chunks, ['index.html', page]).includes(file ?? ''))
  expect(waiting).toEqual([])
})

built('every page of the console stays below the limit', () => {
  const chunks = manifest()
  const pages = Object.keys(chunks).filter((name) => name.endsWith('-page.tsx'))
  const heavy = pages.filter((page) => {
    const files = filesOf(chunks, ['index.html', page, drawing])
    return files.reduce((sum, file) => sum + gzipBytes(file), 0) > limitBytes
  })
  expect(heavy).toEqual([])
})

built('nothing in the console is loaded from another host', () => {
  expect(foreignLoads('import("https://cdn.example/x.js")')).toHaveLength(1)
  expect(foreignLoads("import x from '//cdn.example/x.js'")).toHaveLength(1)
  expect(foreignLoads('@import url(https://fonts.example/css);')).not.toEqual([])
  const folder = inject('consoleFiles')
  const sources = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) =>
    /\.(js|css|html)$/.test(name),
  )
  expect(sources.length).toBeGreaterThan(20)
  for (const name of sources)
    expect([name, foreignLoads(readFileSync(join(folder, name), 'utf8'))]).toEqual([name, []])
})
