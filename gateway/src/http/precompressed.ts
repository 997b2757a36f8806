/** Files that were compressed when they were built: whoever takes it gets `name.br` or `name.gz` in place of `name`. */
import { existsSync } from 'node:fs'
import { extname, join } from 'node:path'
import type { RequestHandler } from 'express'

const ENCODINGS = [
  ['br', '.br'],
  ['gzip', '.gz'],
] as const
// Only what the build names so can be meant: no dots in front, no way up.
const BUILT = /^(?:\/[\w-][\w.-]*)+\.(?:js|css|svg)$/

/** Before `express.static` of the same folder. */
export function preferCompressed(folder: string): RequestHandler {
  return function chooseFile(request, response, next) {
    const { path, method } = request
    if ((method !== 'GET' && method !== 'HEAD') || !BUILT.test(path)) return next()
    response.vary('accept-encoding')
    for (const [encoding, ending] of ENCODINGS) {
      if (!request.acceptsEncodings(encoding) || !existsSync(join(folder, path + ending))) continue
      response.setHeader('content-encoding', encoding)
      response.type(extname(path))
      request.url = path + ending
      break
    }
    next()
  }
}
