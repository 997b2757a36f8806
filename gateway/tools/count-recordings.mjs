/** Prints `recordings N/189` for RECORDINGS_DIR: rows of index.json whose file is there and parses. Fails on fewer. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'

const EXPECTED = 189
const folder = process.env.RECORDINGS_DIR ?? ''
const whole = rows().filter(isWhole).length
console.log(`recordings ${whole}/${EXPECTED}`)
process.exitCode = whole >= EXPECTED ? 0 : 1

function rows() {
  try {
    const index = JSON.parse(readFileSync(join(folder, 'index.json'), 'utf8'))
    return Array.isArray(index) ? index : index.recordings
  } catch (error) {
    console.error(`RECORDINGS_DIR=${folder}: ${error.message}`)
    return []
  }
}

function isWhole({ file, path }) {
  try {
    return typeof JSON.parse(readFileSync(join(folder, file ?? path), 'utf8')).body === 'string'
  } catch {
    return false
  }
}
