/** Where a call goes: taken apart once, and never made of anything that could mean another host. */

/** A call that we do not make. It is no fault of the upstream's. */
export class CallRefused extends Error {
  override readonly name = 'CallRefused'
}

export interface Place {
  origin: string
  /** How the credentials that may be sent here end. */
  binding: string
  /** The whole path for a path of a call. Throws `CallRefused` for one that would lead elsewhere. */
  pathOf(path: string): string
}

// The same few are asked for all day; a market may have thousands of listings, each with a handful of paths.
const MAX_PLACES = 10_000
const MAX_PATHS = 100
const places = new Map<string, Place>()

/** Throws `CallRefused` for what is no base URL. */
export function placeOf(baseUrl: string): Place {
  const known = places.get(baseUrl)
  if (known) return known
  const place = readPlace(baseUrl)
  if (places.size >= MAX_PLACES) places.clear()
  places.set(baseUrl, place)
  return place
}

function readPlace(baseUrl: string): Place {
  const url = URL.canParse(baseUrl) ? new URL(baseUrl) : undefined
  if (!url || !/^https?:$/.test(url.protocol) || url.username || url.password || url.search || url.hash) {
    throw new CallRefused('the base URL of this listing cannot be called')
  }
  const { origin } = url
  const prefix = url.pathname.replace(/\/+$/, '')
  const paths = new Map<string, string>()
  return {
    origin,
    binding: `|origin:${origin}`,
    pathOf(path) {
      const known = paths.get(path)
      if (known !== undefined) return known
      const whole = prefix + path
      if (!path.startsWith('/') || !staysAt(origin, whole)) {
        throw new CallRefused(`the path ${JSON.stringify(path.slice(0, 100))} cannot be called`)
      }
      if (paths.size >= MAX_PATHS) paths.clear()
      paths.set(path, whole)
      return whole
    },
  }
}

/** A path that a URL takes as it is: without dots that climb, backslashes, spaces or a second host. */
function staysAt(origin: string, path: string): boolean {
  if (path.includes('//') || !URL.canParse(path, origin)) return false
  const url = new URL(path, origin)
  return url.origin === origin && url.pathname + url.search === path
}
