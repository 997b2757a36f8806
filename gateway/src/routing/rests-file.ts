/**
 * Rests that outlive a restart, in a small file beside the spool: a spent account would else be asked again at every
 * deployment. Written a second after a change and when the process ends; losing it costs one failed attempt a listing.
 */
import { readFileSync, renameSync, writeFileSync } from 'node:fs'
import { z } from 'zod'
import type { Clock } from '../platform/clock.ts'
import type { Logger } from '../platform/logger.ts'
import { createRests, type KeptRest, type Rests } from './rests.ts'

const WRITE_AFTER_MS = 1_000

const fileSchema = z.object({
  rests: z.array(
    z.object({
      id: z.string(),
      reason: z.enum(['cooling', 'model_suspended', 'listing_suspended']),
      strikes: z.number().int().min(0),
      revision: z.number(),
      untilWallMs: z.number(),
    }),
  ),
})

export interface KeptRests {
  rests: Rests
  /** Writes what is left to write. */
  close(): void
}

export function createKeptRests(deps: {
  path: string
  clock: Clock
  random: () => number
  logger: Logger
}): KeptRests {
  const { path, logger } = deps
  let timer: NodeJS.Timeout | undefined
  const rests = createRests({ ...deps, before: read(path, logger), onRest: writeSoon })

  function writeSoon(): void {
    timer ??= setTimeout(write, WRITE_AFTER_MS).unref()
  }

  function write(): void {
    clearTimeout(timer)
    timer = undefined
    try {
      // Whole or not at all: a process that dies while writing leaves the file as it was.
      writeFileSync(`${path}.new`, JSON.stringify({ rests: rests.toKeep() }))
      renameSync(`${path}.new`, path)
    } catch (error) {
      logger.warn({ err: error }, 'who rests could not be written down; a restart would ask them again')
    }
  }

  return {
    rests,
    close() {
      if (timer !== undefined) write()
    },
  }
}

function read(path: string, logger: Logger): readonly KeptRest[] {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch {
    return []
  }
  try {
    return fileSchema.parse(JSON.parse(text)).rests
  } catch (error) {
    logger.warn({ err: error }, 'the file of resting listings cannot be read; nobody rests')
    return []
  }
}
