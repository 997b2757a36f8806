/** Which paths of Prometheus read and change nothing. Pure. */

const PAGES =
  /^\/(graph|query|alerts|targets|rules|flags|config|status|tsdb-status|service-discovery|alertmanager-discovery|agent|classic(\/[\w./-]*)?)?\/?$/
const FILES = /^\/((static|assets|new)\/[\w./-]+|manifest\.json|favicon\.(ico|svg)|-\/(healthy|ready))$/
const ANSWERS =
  /^\/api\/v1\/(query|query_range|query_exemplars|format_query|parse_query|series|labels|label\/[\w:.-]+\/values|metadata|targets|targets\/metadata|scrape_pools|rules|alerts|alertmanagers|features|notifications|status\/(config|flags|runtimeinfo|buildinfo|tsdb|walreplay))$/

/** `path` below the prefix, without its query. Whatever is not named does not pass: the admin API, reload and quit, profiles. */
export function isReadOfPrometheus(path: string): boolean {
  return PAGES.test(path) || FILES.test(path) || ANSWERS.test(path)
}

/** No step upwards and no second spelling of a slash, so that what is checked is what is asked. */
export function isStraight(url: string): boolean {
  const [path = ''] = url.split('?')
  return !/\/\.{1,2}(\/|$)|%2e|%2f|%5c|\\|\/\/|%00/i.test(path)
}
