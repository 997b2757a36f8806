/**
 * Adds up vitest's JSON reports and prints `N passed, N failed` as the last line.
 * Names what was skipped; a file that could not be loaded counts as one failure.
 *
 *   node gateway/tools/report.mjs [--also-failed FILE] [--ended CODE] REPORT.json …
 *
 * CODE is what vitest ended with: it also fails for errors that belong to no test. FILE holds a line for each step outside vitest that failed; it may be absent. Exit 1 when something failed, when
 * nothing ran, or when a report is missing.
 */
import { existsSync, readFileSync } from 'node:fs'
import { relative } from 'node:path'
import { parseArgs } from 'node:util'

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { 'also-failed': { type: 'string' }, ended: { type: 'string' } },
})

let passed = 0
const failed = linesOf(values['also-failed'])
const skipped = []
for (const path of positionals) {
  if (!existsSync(path)) {
    failed.push(`${path}: no report was written, so the run broke off`)
    continue
  }
  for (const file of JSON.parse(readFileSync(path, 'utf8')).testResults) addFile(file)
}
if (failed.length === 0 && (values.ended ?? '0') !== '0') failed.push(`the run ended with ${values.ended}`)
if (passed === 0 && failed.length === 0) failed.push('nothing ran')
for (const name of skipped) console.log(`skipped  ${name}`)
for (const name of failed) console.log(`failed   ${name}`)
if (skipped.length > 0) console.log(`${skipped.length} skipped`)
console.log(`${passed} passed, ${failed.length} failed`)
process.exitCode = failed.length === 0 ? 0 : 1

function linesOf(path) {
  return path !== undefined && existsSync(path) ? readFileSync(path, 'utf8').split('\n').filter(Boolean) : []
}

function addFile({ name, status, message, assertionResults }) {
  const file = relative(process.cwd(), name)
  const before = failed.length
  for (const { fullName, status: outcome } of assertionResults) {
    if (outcome === 'passed') passed += 1
    else if (outcome === 'failed') failed.push(`${file}: ${fullName}`)
    else skipped.push(`${file}: ${fullName}`)
  }
  if (status === 'failed' && failed.length === before)
    failed.push(`${file}: ${message || 'could not be loaded'}`.split('\n')[0])
}
