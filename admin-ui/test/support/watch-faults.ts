import type { BrowserContext } from 'playwright-core'

/** The name that a payload calls when it runs: see `hostile-texts.ts`. */
export const CANARY = 'boo'

/** The first visit asks whether somebody is signed in; the browser logs the answer "nobody" as a failed load. */
const ANSWERED_NO = /status of 401 .*\/api\/token$/

/**
 * Hears all that must never happen in a page of ours: an error, a warning, a call to anybody else, a breach of the
 * content security policy, a dialog of the browser's, a script that came in as data.
 */
export async function watchFaults(
  context: BrowserContext,
  { origin, complain }: { origin: string; complain: (fault: string) => void },
): Promise<void> {
  await context.exposeBinding(CANARY, (_source, what: unknown) => complain(`a text was executed: ${what}`))
  await context.exposeBinding('bourseBreach', (_source, what: unknown) => complain(`CSP: ${what}`))
  await context.addInitScript(() => {
    document.addEventListener('securitypolicyviolation', (event) => {
      const tell = (window as unknown as { bourseBreach(what: string): void }).bourseBreach
      tell(`${event.violatedDirective} ${event.blockedURI} at ${event.sourceFile}:${event.lineNumber}`)
    })
  })
  context.on('weberror', (fault) => complain(`page error: ${fault.error().stack ?? fault.error().message}`))
  context.on('console', (message) => {
    if (!['error', 'warning'].includes(message.type())) return
    const said = `console ${message.type()}: ${message.text()} at ${message.location().url}`
    if (!ANSWERED_NO.test(said)) complain(said)
  })
  context.on('dialog', (dialog) => {
    complain(`a dialog of the browser's: ${dialog.message()}`)
    void dialog.dismiss()
  })
  context.on('request', (request) => {
    const url = request.url()
    if (!/^(data|blob):/.test(url) && new URL(url).origin !== origin) complain(`a call to ${url}`)
  })
}
