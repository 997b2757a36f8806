import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { z } from 'zod'
import { uuidv7 } from './ids.ts'
import { takeProcessLock } from './process-lock.ts'

/** Which gateway this is, and its how-manieth life: holds of an earlier epoch belong to a process that is gone. */
export interface NodeIdentity {
  nodeId: string
  epoch: number
  /** Frees DATA_DIR for the next process. */
  release(): void
}

const FILE = 'node.json'
const nodeFile = z.strictObject({ nodeId: z.uuid(), epoch: z.int().min(0) })

/** Takes DATA_DIR for this process and counts its epoch up. Throws a message for the operator when another process has it. */
export function takeNodeIdentity(folder: string): NodeIdentity {
  const dataDir = resolve(folder)
  mkdirSync(dataDir, { recursive: true, mode: 0o711 })
  const lock = takeProcessLock(
    join(dataDir, 'gateway.lock'),
    (pid) =>
      `Another gateway (process ${pid}) is using ${dataDir}. Stop it, or give this one its own DATA_DIR and PORT.`,
  )
  const file = join(dataDir, FILE)
  const last = read(file) ?? { nodeId: uuidv7(), epoch: 0 }
  const identity = { nodeId: last.nodeId, epoch: last.epoch + 1 }
  const draft = `${file}.new`
  writeFileSync(draft, `${JSON.stringify(identity)}\n`, { mode: 0o600, flush: true })
  renameSync(draft, file)
  return { ...identity, release: () => lock.release() }
}

/** A damaged file makes a new node: its predecessor's holds then expire by time instead of being released at once. */
function read(file: string): z.output<typeof nodeFile> | undefined {
  try {
    return nodeFile.safeParse(JSON.parse(readFileSync(file, 'utf8'))).data
  } catch {
    return undefined
  }
}
