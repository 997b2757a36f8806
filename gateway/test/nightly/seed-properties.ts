/** Vitest set-up: `npm run nightly` gives every property test that names no seed or count of its own a new one. */
import fc from 'fast-check'

const { FAST_CHECK_SEED: seed, FAST_CHECK_RUNS: runs } = process.env
if (seed !== undefined) fc.configureGlobal({ ...fc.readConfigureGlobal(), seed: Number(seed) })
if (runs !== undefined) fc.configureGlobal({ ...fc.readConfigureGlobal(), numRuns: Number(runs) })
