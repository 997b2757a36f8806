import { readdirSync, readFileSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { imagesFolder } from './support/step.ts'

const here = dirname(fileURLToPath(import.meta.url))
const guidesFolder = fileURLToPath(new URL('../../docs/guides/', import.meta.url))
const guides = ['buyer.md', 'seller.md', 'operator.md'].map(
  (name) => [name, readFileSync(guidesFolder + name, 'utf8')] as const,
)

const MAX_IMAGES = 15
const MAX_IMAGE_BYTES = 120_000

/** What the stories do, in the words that they give it, and the pictures that they take. */
const stories = readdirSync(here)
  .filter((name) => name.endsWith('.test.ts'))
  .map((name) => readFileSync(`${here}/${name}`, 'utf8'))
  .join('\n')
const steps = new Set(matches(stories, /\bstep\('([^']+)'/g))
const pictures = new Set(matches(stories, /\bpicture\(page, '([^']+)'/g))

function matches(text: string, pattern: RegExp): string[] {
  return [...text.matchAll(pattern)].map(([, found = '']) => found)
}

test.each(guides)('every step of %s is done in a browser by a story', (_name, text) => {
  const headings = matches(text, /^## (.+)$/gm)
  expect(headings.length).toBeGreaterThan(2)
  expect(headings.filter((heading) => !steps.has(heading))).toEqual([])
})

test('every picture of the guides is there, small, and taken by a story; and none lies about', () => {
  const named = guides.flatMap(([, text]) => matches(text, /!\[[^\]]+\]\(images\/([\w-]+)\.png\)/g))
  const there = readdirSync(imagesFolder).map((name) => name.replace(/\.png$/, ''))
  expect(there.sort()).toEqual([...new Set(named)].sort())
  expect(named.filter((name) => !pictures.has(name))).toEqual([])
  expect(there.length).toBeLessThanOrEqual(MAX_IMAGES)
  for (const name of there)
    expect(statSync(`${imagesFolder}${name}.png`).size, name).toBeLessThanOrEqual(MAX_IMAGE_BYTES)
})
