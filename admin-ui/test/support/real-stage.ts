/** A real gateway that serves the console itself, a Chromium, and people who look at it. */
import type { Browser, BrowserContext, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, inject, test } from 'vitest'
import {
  startTestGateway,
  type TestGateway,
  type TestGatewayOptions,
} from '../../../gateway/test/support/gateway.ts'
import type {} from './build-console.ts'
import { hasChromium, launchChromium } from './chromium.ts'
import { watchFaults } from './watch-faults.ts'

/** A story needs a browser; where there is none, `npm test` goes without and `.ci/run` fails. */
export const story = test.runIf(hasChromium)

test.runIf(process.env.REQUIRE_BROWSER === '1')('a browser is there to try the console with', () => {
  if (!hasChromium) throw new Error('Chromium is missing; install it or set CHROMIUM_PATH')
})

export const PASSWORD = 'a perfectly fine password'
/** The longest that a page may take to show something, on a busy machine. */
const PATIENCE_MS = 15_000

export interface Person {
  id: string
  organisationId: string
  email: string
  name: string
  password: string
}

export interface Visit {
  page: Page
  context: BrowserContext
  /** Goes to a path of the console, such as `keys?open=key-1`, and waits for its heading. */
  go(path: string): Promise<void>
}

export interface VisitOptions {
  /** Who has signed in already; nobody unless given. */
  as?: Person | undefined
  colorScheme?: 'light' | 'dark'
  width?: number
  height?: number
  userAgent?: string
}

export interface Stage {
  readonly gateway: TestGateway
  readonly operator: Person
  /** Someone with these roles, a password and play money. */
  person(draft: { name: string; roles: string[]; usd?: number }): Promise<Person>
  /** A fresh browser profile; at the end of the test it is closed, and what went wrong in it fails the test. */
  visit(options?: VisitOptions): Promise<Visit>
  /** What the browsers of this test have complained about so far that `pattern` matches is as it should be. */
  forgive(pattern: RegExp): void
  /** What they have complained about so far. */
  complaints(): readonly string[]
}

/** Raises the stage before the tests of this file and takes it down after them. */
export function raiseStage(
  options: () => TestGatewayOptions | Promise<TestGatewayOptions> = () => ({}),
): Stage {
  let gateway: TestGateway
  let browser: Browser
  let people = 0
  let operator: Person
  let open: BrowserContext[] = []
  let faults: string[] = []

  beforeAll(async () => {
    if (!hasChromium) return
    const given = await options()
    const started = await Promise.all([
      startPatiently({ consoleFiles: inject('consoleFiles'), ...given }),
      launchChromium(),
    ])
    gateway = started[0]
    browser = started[1]
    const { email, password = '' } = gateway.summary
    const { body } = await gateway.api('get', '/api/me')
    operator = { id: body.id, organisationId: body.organisationId, name: body.name, email, password }
  })
  afterEach(async ({ task }) => {
    if (task.result?.state === 'fail') for (const context of open) await showPages(context)
    await Promise.all(open.map((context) => context.close()))
    const seen = faults
    open = []
    faults = []
    if (seen.length > 0) throw new Error(`the browser complains:\n${[...new Set(seen)].join('\n')}`)
  })
  afterAll(async () => {
    await browser?.close()
    await gateway?.close()
  })

  async function person({ name, roles, usd = 0 }: { name: string; roles: string[]; usd?: number }) {
    people += 1
    const email = `${name
      .toLowerCase()
      .replace(/[^a-z]+/g, '-')
      .slice(0, 40)}-${people}@example.test`
    const { body, status, text } = await gateway
      .api('post', '/api/users')
      .send({ name, email, roles, password: PASSWORD })
    if (status !== 201) throw new Error(`cannot create ${name}: ${status} ${text}`)
    if (usd > 0) {
      const amountNanos = (BigInt(Math.round(usd * 1e6)) * 1_000n).toString()
      await gateway
        .api('post', `/api/users/${body.id}/credits`)
        .set('idempotency-key', `for ${email}`)
        .send({ amountNanos, reason: 'Play money for a story' })
        .expect(201)
    }
    return { id: body.id, organisationId: body.organisationId, name, email, password: PASSWORD }
  }

  async function visit({
    as,
    colorScheme = 'light',
    width = 1180,
    height = 820,
    userAgent,
  }: VisitOptions = {}) {
    const context = await browser.newContext({
      colorScheme,
      reducedMotion: 'reduce',
      viewport: { width, height },
      acceptDownloads: true,
      ...(userAgent === undefined ? {} : { userAgent }),
    })
    context.setDefaultTimeout(PATIENCE_MS)
    open.push(context)
    await watchFaults(context, { origin: gateway.origin, complain: (fault) => faults.push(fault) })
    if (as) await signInQuietly(context, gateway.origin, as)
    const page = await context.newPage()
    return {
      page,
      context,
      async go(path: string) {
        await page.goto(`${gateway.origin}/console/${path}`)
        await page.getByRole('heading', { level: 1 }).first().waitFor()
      },
    }
  }

  return {
    get gateway() {
      return gateway
    },
    get operator() {
      return operator
    },
    person,
    visit,
    forgive(pattern) {
      faults = faults.filter((fault) => !pattern.test(fault))
    },
    complaints: () => faults,
  }
}

/** The first connections on a busy machine may take longer than a caller would wait; a story is no caller. */
async function startPatiently(options: TestGatewayOptions, attempts = 3): Promise<TestGateway> {
  try {
    return await startTestGateway(options)
  } catch (error) {
    if (attempts === 0 || !/timeout/i.test(String(error))) throw error
    return startPatiently(options, attempts - 1)
  }
}

/** What a person would have seen when the story stopped. */
async function showPages(context: BrowserContext): Promise<void> {
  for (const page of context.pages()) {
    const text = await page.evaluate(() => document.body.innerText).catch(() => '(closed)')
    console.log(`${page.url()}\n${text.replaceAll(/\n+/g, '\n').slice(0, 4_000)}`)
  }
}

/** The cookie of a sign-in, without the page: most stories are about something else. */
async function signInQuietly(context: BrowserContext, origin: string, { email, password }: Person) {
  const answer = await context.request.post(`${origin}/api/login`, {
    data: { email, password },
    headers: { origin },
  })
  if (!answer.ok()) throw new Error(`${email} cannot sign in: ${answer.status()} ${await answer.text()}`)
}
