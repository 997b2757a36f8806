/**
 * Words that must not be committed: paths of one machine, tests that do not run, marks of unfinished work,
 * and secrets in the shapes that vendors give them. Reads what git would commit.
 *
 *   node gateway/tools/check-words.mjs [--root FOLDER]
 */
import { execFileSync } from 'node:child_process'
import { readFileSync, statSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

const MAX_BYTES = 2_000_000
const at = process.argv.indexOf('--root')
const root = at > 0 ? resolve(process.argv[at + 1]) : join(dirname(fileURLToPath(import.meta.url)), '../..')

// Character classes keep these patterns from finding themselves.
const rules = [
  { say: 'a path of one machine', match: /(?<![\w.~-])\/(?:w[o]rk|f[a]rm|h[o]me|U[s]ers)\/[a-z]/ },
  {
    say: 'a test that does not run',
    match: /\b(?:it|test|describe|suite)\.(?:s[k]ip|t[o]do|o[n]ly)\b|\bx(?:i[t]|describe)\(/,
    files: /\.test\.tsx?$/,
  },
  {
    say: 'unfinished work',
    match: /\b(?:T[O]DO|F[I]XME|X[X]X)\b|not yet i[m]plemented|coming s[o]on/,
    files: /\.(ts|tsx|mjs)$/,
    except: /#\d+/,
  },
  {
    say: 'a secret',
    // Tests of redaction plant made-up ones.
    files: /^(?!.*\.test\.tsx?$)/,
    match:
      /\bsk_l[i]ve_\w{10}|\bAKI[A][0-9A-Z]{16}\b|-----BEGIN (?:RSA |EC )?PRIVATE K[E]Y-----|\bgh[p]_\w{30}/,
  },
]

const names = execFileSync('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], {
  cwd: root,
  encoding: 'utf8',
})
  .split('\0')
  .filter((name) => name !== '' && name !== 'package-lock.json')
const faults = names.flatMap(checkFile)
if (names.length === 0) faults.push('no file was seen')
for (const fault of faults) console.error(fault)
console.log(`words: ${names.length} files`)
process.exitCode = faults.length > 0 ? 1 : 0

function checkFile(name) {
  const text = readText(join(root, name))
  if (text === undefined) return []
  return text
    .split('\n')
    .flatMap((line, index) =>
      rules
        .filter(
          ({ match, files, except }) =>
            (files?.test(name) ?? true) && match.test(line) && !except?.test(line),
        )
        .map(({ say }) => `${name}:${index + 1} ${say}: ${line.trim().slice(0, 120)}`),
    )
}

/** Undefined for binaries, for what was deleted, and for files too large to have been written by hand. */
function readText(path) {
  try {
    if (statSync(path).size > MAX_BYTES) return undefined
    const text = readFileSync(path, 'utf8')
    return text.includes('\0') ? undefined : text
  } catch {
    return undefined
  }
}
