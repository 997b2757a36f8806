import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'

const project = fileURLToPath(new URL('../../..', import.meta.url))
const files = execFileSync('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], {
  cwd: project,
  encoding: 'utf8',
}).split('\0')
const documents = files
  .filter((name) => name.endsWith('.md') && existsSync(join(project, name)))
  .map((name) => ({ name, text: readFileSync(join(project, name), 'utf8') }))
const { scripts } = JSON.parse(readFileSync(join(project, 'package.json'), 'utf8')) as {
  scripts: Record<string, string>
}
const topLevel = [...new Set(files.map((name) => name.split('/')[0] ?? ''))].filter((name) => name !== '')

test('there are documents to check', () => {
  expect(documents.map(({ name }) => name)).toEqual(
    expect.arrayContaining(['README.md', 'gateway/ARCHITECTURE.md', '.github/CONTRIBUTING.md']),
  )
})

test.each(documents)('every link in $name leads somewhere', ({ name, text }) => {
  const links = [...text.matchAll(/\]\((?!https?:|#)([^)#]+)/g)].map(([, link]) => link ?? '')
  expect(links.filter((link) => !existsSync(join(project, dirname(name), link)))).toEqual([])
})

test.each(documents)('every npm script that $name names exists', ({ text }) => {
  const named = [...text.matchAll(/npm run ([\w:-]+)/g)].map(([, script]) => script ?? '')
  expect(named.filter((script) => scripts[script] === undefined)).toEqual([])
})

test.each(documents)('every path from the root that $name names exists', ({ name, text }) => {
  const paths = [...text.matchAll(/`([\w.-]+(?:\/[\w.-]+)+\/?)`/g)]
    .map(([, path]) => path ?? '')
    .filter((path) => topLevel.includes(path.split('/')[0] ?? ''))
    .filter((path) => !/^\.(bourse|cache)\//.test(path))
  expect(
    paths.filter(
      (path) => !existsSync(join(project, path)) && !existsSync(join(project, dirname(name), path)),
    ),
  ).toEqual([])
})

test('the map in the README names every folder that we ship', () => {
  const readme = documents.find(({ name }) => name === 'README.md')?.text ?? ''
  const folders = topLevel.filter((name) => files.some((file) => file.startsWith(`${name}/`)))
  expect(folders.filter((folder) => !readme.includes(`\`${folder}\``))).toEqual([])
})
