/** Modules with one place of their source changed, in a folder of their own; the shared source is never touched. */
import assert from 'node:assert/strict'
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

export interface CodeMutant {
  /** Below `gateway/src`. */
  file: string
  /** What goes wrong then, as a sentence. */
  fault: string
  from: string
  to: string
  /** The check that notices. */
  by: string
  /** It is noticed because nothing comes back any more. */
  hangs?: true
}

/** Gives a module of `gateway/src`, the mutated one where it differs. */
export type Load = <Module>(file: string) => Promise<Module>

// What the mutated files import, and what that imports.
const FOLDERS = [
  'platform',
  'ledger',
  'catalog',
  'providers',
  'marketplace',
  'metering',
  'limits',
  'routing',
  'settlement',
]
const source = fileURLToPath(new URL('../../src', import.meta.url))
const modules = fileURLToPath(new URL('../../../node_modules', import.meta.url))

/** The modules as they are. */
export const loadSource: Load = (file) => import(/* @vite-ignore */ join(source, file))

/** Copies the source, changes it and gives it to `look`; the copy is gone when it returns. */
export async function withCodeMutant<Seen>(
  { file, from, to }: Pick<CodeMutant, 'file' | 'from' | 'to'>,
  look: (load: Load) => Promise<Seen>,
): Promise<Seen> {
  const text = readFileSync(join(source, file), 'utf8')
  assert.equal(text.split(from).length, 2, `${from} must stand once in ${file}`)
  const copy = mkdtempSync(join(tmpdir(), 'bourse-mutant-'))
  try {
    const wanted = (path: string) => !path.endsWith('.test.ts')
    for (const folder of FOLDERS)
      cpSync(join(source, folder), join(copy, folder), { recursive: true, filter: wanted })
    symlinkSync(modules, join(copy, 'node_modules'))
    writeFileSync(
      join(copy, file),
      text.replace(from, () => to),
    )
    return await look((wantedFile) => import(/* @vite-ignore */ join(copy, wantedFile)))
  } finally {
    rmSync(copy, { recursive: true, force: true })
  }
}
