/** Global set-up: the console is built once for the whole run, and stays as it is while the sources go on. */
import { execFile } from 'node:child_process'
import { cpSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import type { TestProject } from 'vitest/node'
import { hasChromium } from './chromium.ts'

declare module 'vitest' {
  interface ProvidedContext {
    consoleFiles: string
  }
}

const root = fileURLToPath(new URL('../../..', import.meta.url))

export default async function buildConsole(project: TestProject): Promise<() => void> {
  const folder = mkdtempSync(join(tmpdir(), 'bourse-console-'))
  if (hasChromium) {
    // In a process of its own: the test runner's NODE_ENV would put React's development build into the page.
    const env = { ...process.env, NODE_ENV: 'production' }
    await promisify(execFile)(process.execPath, ['gateway/tools/build.mjs', '--only', 'console'], {
      cwd: root,
      env,
    })
    cpSync(join(root, 'admin-ui/dist'), folder, { recursive: true })
  }
  project.provide('consoleFiles', folder)
  return () => rmSync(folder, { recursive: true, force: true })
}
