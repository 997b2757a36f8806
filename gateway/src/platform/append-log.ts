/**
 * A log of lines on disk that survives the death of the process: each line is handed to the operating system before
 * `append` returns, carries a checksum, and is synced to the disk a moment later. Segments rotate and are dropped from
 * the oldest on.
 */
import {
  closeSync,
  fdatasync,
  fdatasyncSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readdirSync,
  rmSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import { crc32 } from 'node:zlib'

const SEGMENT_BYTES = 16 * 1024 * 1024
// What a crash of the whole machine, not of the process, may cost.
const SYNC_EVERY_MS = 50
const NOTES_MAX_CHARS = 1024 * 1024
const SUFFIX = '.log'
const CHECKSUM_CHARS = 8

/** The calls to the file system that can fail while the log is open. */
export interface LogFiles {
  open(path: string): number
  write(file: number, bytes: Buffer): number
  truncate(file: number, bytes: number): void
}

export interface AppendLog {
  /** The segment that is being written; numbers only grow, over restarts too. */
  readonly segment: number
  /** Hands the line, and what was noted before it, to the operating system. Throws what the file system says. */
  append(line: string): void
  /** A line that may wait: it goes with the next one or within 50 ms. A failure is only reported. */
  note(line: string): void
  /** Deletes segments below this number. */
  dropBefore(segment: number): void
  close(): void
}

export interface AppendLogOptions {
  directory: string
  /** One more than the last segment there was. */
  segment: number
  onError: (error: unknown) => void
  segmentBytes?: number
  files?: LogFiles
}

const nodeFiles: LogFiles = {
  // O_APPEND, and never an old file: a segment has one writer in its life.
  open: (path) => openSync(path, 'ax', 0o600),
  write: (file, bytes) => writeSync(file, bytes),
  truncate: (file, bytes) => ftruncateSync(file, bytes),
}

export function openAppendLog(options: AppendLogOptions): AppendLog {
  const { directory, onError, files = nodeFiles, segmentBytes = SEGMENT_BYTES } = options
  mkdirSync(directory, { recursive: true, mode: 0o700 })
  let segment = options.segment
  let file = files.open(join(directory, segmentName(segment)))
  let size = 0
  let torn = false
  let refused = false
  let waiting = ''
  let dirty = false
  let syncing = false

  function write(text: string): void {
    const bytes = Buffer.from(torn ? `\n${text}` : text)
    if (size > 0 && size + bytes.length > segmentBytes) rotate()
    let written = 0
    try {
      while (written < bytes.length) written += files.write(file, bytes.subarray(written))
    } catch (error) {
      takeBack(written)
      throw error
    }
    torn = false
    size += written
    dirty = true
  }

  /** The disk took half a line: it goes, or at least ends, before the next one. */
  function takeBack(written: number): void {
    if (written === 0) return
    try {
      files.truncate(file, size)
    } catch {
      size += written
      torn = true
    }
  }

  function rotate(): void {
    const next = files.open(join(directory, segmentName(segment + 1)))
    const last = file
    segment += 1
    file = next
    size = 0
    fdatasync(last, (error) => {
      if (error) onError(error)
      closeSync(last)
    })
  }

  function flush(): void {
    if (waiting === '') return
    try {
      write(waiting)
      waiting = ''
      refused = false
    } catch (error) {
      // It is tried again with every tick; one report will do.
      if (!refused) onError(error)
      refused = true
    }
  }

  const sync = setInterval(() => {
    flush()
    if (!dirty || syncing) return
    dirty = false
    syncing = true
    fdatasync(file, (error) => {
      syncing = false
      if (error) onError(error)
    })
  }, SYNC_EVERY_MS)
  sync.unref()

  return {
    get segment() {
      return segment
    },
    append(line) {
      write(waiting + framed(line))
      waiting = ''
    },
    note(line) {
      // Full only when the disk has refused for a while: what is noted can be missed, and must not take the memory.
      if (waiting.length < NOTES_MAX_CHARS) waiting += framed(line)
    },
    dropBefore(first) {
      for (const old of segmentsIn(directory)) if (old < first) rmSync(join(directory, segmentName(old)))
    },
    close() {
      clearInterval(sync)
      flush()
      fdatasyncSync(file)
      closeSync(file)
    },
  }
}

/** The numbers of the segments in a folder, oldest first; none when there is no such folder. */
export function segmentsIn(directory: string): number[] {
  let names: string[]
  try {
    names = readdirSync(directory)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw error
  }
  return names
    .filter((name) => /^\d{10}\.log$/.test(name))
    .map((name) => Number.parseInt(name, 10))
    .sort((a, b) => a - b)
}

export function segmentName(segment: number): string {
  return `${String(segment).padStart(10, '0')}${SUFFIX}`
}

/**
 * The whole lines of one segment's bytes, and how many others there were. The last line of a killed process may be
 * torn; any other damaged line is the disk's.
 */
export function readSegment(bytes: Buffer): { lines: string[]; damaged: number; tornOnly: boolean } {
  const lines: string[] = []
  let damaged = 0
  let tornOnly = false
  const texts = bytes.toString('utf8').split('\n')
  for (const [index, line] of texts.entries()) {
    if (line === '') continue
    const text = line.slice(CHECKSUM_CHARS + 1)
    if (line.slice(0, CHECKSUM_CHARS + 1) === `${checksum(text)} `) lines.push(text)
    else {
      damaged += 1
      tornOnly = damaged === 1 && index === texts.length - 1
    }
  }
  return { lines, damaged, tornOnly }
}

function framed(line: string): string {
  return `${checksum(line)} ${line}\n`
}

function checksum(text: string): string {
  return crc32(text).toString(16).padStart(CHECKSUM_CHARS, '0')
}
