/** Starting and stopping, as the person sees it who has just cloned this: real processes, real signals. */
import { execFileSync, spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { existsSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import {
  balanceOf,
  call,
  chat,
  openChat,
  restingBalanceOf,
  signIn,
  toldNanos,
} from './support/gateway-client.ts'
import {
  adminUrl,
  askDatabase,
  databaseServer,
  endProcesses,
  everythingWritten,
  type GatewayProcess,
  leftovers,
  liveSecrets,
  newDataDir,
  runToExit,
  startProcess,
} from './support/process.ts'
import { chunk, startScriptedUpstream } from './support/scripted-upstream.ts'

vi.setConfig({ testTimeout: 90_000, hookTimeout: 120_000 })
afterAll(endProcesses)

const MODEL = 'openai/gpt-4.1-nano'

describe('a first start', () => {
  let gateway: GatewayProcess
  beforeAll(async () => {
    gateway = await startProcess()
  })

  test('writes a summary that only its owner can read, with everything that is needed to begin', () => {
    expect(statSync(join(gateway.dataDir, 'summary.json')).mode & 0o777).toBe(0o600)
    expect(Object.keys(gateway.summary).sort()).toEqual([
      'apiKey',
      'baseUrl',
      'consoleUrl',
      'email',
      'password',
    ])
    expect(gateway.summary).toMatchObject({
      baseUrl: expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+\/v1$/),
      consoleUrl: `${gateway.origin}/console/`,
      apiKey: expect.stringMatching(/^sk-brs-[0-9A-Za-z]{50}$/),
      email: expect.stringContaining('@'),
    })
    for (const value of Object.values(gateway.summary)) expect(gateway.output()).toContain(value)
    for (const name of readdirSync(gateway.dataDir).filter((each) => /\.(json|log)$/.test(each))) {
      expect(statSync(join(gateway.dataDir, name)).mode & 0o077, name).toBe(0)
    }
  })

  test('prints a curl that works as it stands', async () => {
    const printed = /^ {4}curl [\s\S]*?^$/m.exec(gateway.output())?.[0].trim() as string
    expect(printed).toContain(gateway.summary.apiKey)
    const hasCurl = spawnSync('curl', ['--version']).status === 0
    const text = hasCurl
      ? execFileSync('sh', ['-c', printed.replace('curl ', 'curl -sS ')], { encoding: 'utf8' })
      : (await chat(gateway, gateway.summary.apiKey as string, { model: 'gpt-4o-mini' })).text
    expect(JSON.parse(text)).toMatchObject({
      object: 'chat.completion',
      model: 'openai/gpt-4o-mini',
      choices: [{ message: { content: expect.stringMatching(/demo upstream/i) } }],
    })
  })

  test('serves the console under a policy that lets it load nothing from elsewhere', async () => {
    const page = await call(gateway.summary.consoleUrl)
    expect(page.status).toBe(200)
    expect(page.headers.get('content-type')).toContain('text/html')
    const policy = page.headers.get('content-security-policy') ?? ''
    expect(policy).toContain("default-src 'self'")
    expect(policy).toContain("frame-ancestors 'none'")
    const assets = [...page.text.matchAll(/(?:src|href)="(\/console\/[^"]+)"/g)].map(
      (match) => match[1] as string,
    )
    expect(assets.length).toBeGreaterThan(0)
    for (const path of assets) expect((await call(gateway.origin + path)).status, path).toBe(200)
    expect((await call(`${gateway.origin}/console/keys`)).text).toBe(page.text)
    expect((await call(`${gateway.origin}/console/missing.js`)).status).toBe(404)
    expect((await call(gateway.origin)).headers.get('location')).toBe('/console/')
  })

  test('answers the probes of balancers, and metrics', async () => {
    const get = async (path: string) => {
      const { status, json } = await call(gateway.origin + path)
      return [status, json]
    }
    expect(await get('/healthz')).toEqual([200, expect.objectContaining({ status: 'ok', mode: 'play' })])
    expect(await get('/readyz')).toEqual([
      200,
      { status: 'ready', checks: { database: 'ok', spool: 'ok', draining: false } },
    ])
    expect(await get('/health/liveliness')).toEqual([200, "I'm alive!"])
    expect(await get('/health/liveness')).toEqual([200, "I'm alive!"])
    expect(await get('/health/readiness')).toEqual([200, { status: 'connected', db: 'connected' }])
    const metrics = await call(`${gateway.origin}/metrics`)
    expect(metrics.headers.get('content-type')).toContain('text/plain')
    expect(metrics.text).toMatch(/^gateway_requests_total\{.*status="200".*\} \d+$/m)
  })

  test('refuses listings on this machine, as long as nobody allowed private upstreams', async () => {
    const operator = await signIn(gateway)
    await expect(operator.listing({ model: MODEL, baseUrl: 'http://127.0.0.1:9/v1' })).rejects.toThrow(
      /400 .*baseUrl/,
    )
    await expect(operator.listing({ model: MODEL, baseUrl: 'https://127.0.0.1:9/v1' })).rejects.toThrow(
      /400 .*baseUrl/,
    )
  })

  test('a second gateway on the same DATA_DIR is refused by name, and the first goes on', async () => {
    const second = await runToExit({ dataDir: gateway.dataDir })
    expect(second.code).toBe(1)
    expect(second.output).toMatch(/^Bourse could not start: Another gateway \(process \d+\)/m)
    expect(second.output).toContain(gateway.dataDir)
    expect((await call(`${gateway.origin}/readyz`)).status).toBe(200)
  })

  test('a later start keeps the data, the key, the login and the sealing keys', async () => {
    const key = gateway.summary.apiKey as string
    const left = await restingBalanceOf(gateway, key)
    expect(left.balanceNanos).toBeLessThan(100_000_000_000n)
    expect(left.heldNanos).toBe(0n)
    expect(await gateway.stop('SIGINT')).toEqual({ code: 0, signal: null })
    expect(leftovers(gateway.dataDir)).toEqual([])

    const firstMs = gateway.readyMs
    const { summary: first, dataDir } = gateway
    gateway = await startProcess({ dataDir })
    console.log(`ready after ${Math.round(firstMs)} ms at first, ${Math.round(gateway.readyMs)} ms later`)
    expect({ ...gateway.summary, baseUrl: '', consoleUrl: '' }).toEqual({
      ...first,
      baseUrl: '',
      consoleUrl: '',
    })
    expect(await balanceOf(gateway, key)).toEqual(left)
    await signIn(gateway)
    // The demo's credential was sealed by the first process.
    const answer = await chat(gateway, key, { model: 'gpt-4o-mini' })
    expect(answer.status).toBe(200)
    const { balanceNanos } = await restingBalanceOf(gateway, key)
    expect(left.balanceNanos - balanceNanos).toBe(toldNanos(answer.text))
    const rows = await askDatabase<{ n: number }>(
      adminUrl(dataDir),
      'SELECT count(*)::int AS n FROM api_key WHERE name = $1',
      ['Demo key'],
    )
    expect(rows).toEqual([{ n: 1 }])
  })

  test('a database made in play mode does not open in live mode', async () => {
    await gateway.stop()
    const refused = await runToExit({
      dataDir: gateway.dataDir,
      env: { GATEWAY_MODE: 'live', HOST: '127.0.0.1', ...liveSecrets() },
    })
    expect(refused.code).toBe(1)
    expect(refused.output).toMatch(/made in play mode and the gateway is set to live.*GATEWAY_MODE=play/s)
    expect(leftovers(gateway.dataDir)).toEqual([])
  })
})

describe('two gateways', () => {
  let first: GatewayProcess
  let second: GatewayProcess
  const upstream = startScriptedUpstream()
  const vendorKey = `sk-proj-${randomBytes(24).toString('hex')}`
  const dataDir = newDataDir()
  beforeAll(async () => {
    first = await startProcess()
  })
  afterAll(async () => (await upstream).close())

  test('a taken port is named, and nothing is left running', async () => {
    const { port } = new URL(first.origin)
    const refused = await runToExit({ dataDir, env: { PORT: port } })
    expect(refused.code).toBe(1)
    expect(refused.output).toContain(`port ${port} is taken by another program. Set PORT`)
    expect(existsSync(join(dataDir, 'summary.json'))).toBe(false)
    expect(leftovers(dataDir)).toEqual([])
  })

  test('live side by side with their own DATA_DIR and PORT', async () => {
    second = await startProcess({
      dataDir,
      group: true,
      env: {
        ALLOW_PRIVATE_UPSTREAMS: 'true',
        OPENAI_API_KEY: vendorKey,
      },
    })
    expect(second.origin).not.toBe(first.origin)
    for (const { origin, summary } of [first, second]) {
      expect((await chat({ origin }, summary.apiKey as string, { model: 'gpt-4o-mini' })).status).toBe(200)
    }
    const stranger = await chat(second, first.summary.apiKey as string, { model: 'gpt-4o-mini' })
    expect(stranger.status).toBe(401)
  })

  test("a vendor's key in the environment is a listing of the platform, and is shown nowhere", async () => {
    const operator = await signIn(second)
    const { text, json } = await operator.api('GET', '/api/marketplace/listings?provider=openai')
    expect(json.data).toHaveLength(1)
    // Play mode has not been told to use it, so it is not even tried.
    expect(json.data[0]).toMatchObject({
      state: 'draft',
      stateReason: 'environment_listings_off',
      keyHint: vendorKey.slice(-4),
    })
    const [owner] = await askDatabase<{ kind: string }>(
      adminUrl(dataDir),
      'SELECT o.kind::text FROM organisation o JOIN listing l ON l."organisationId" = o.id WHERE l.provider = $1',
      ['openai'],
    )
    expect(owner).toEqual({ kind: 'platform' })
    expect(text).not.toContain(vendorKey)
    expect(everythingWritten(second)).not.toContain(vendorKey)
  })

  test('Ctrl-C reaches the whole process group, and the running answer still comes to its end', async () => {
    const operator = await signIn(second)
    let finish = () => {}
    const gate = new Promise<void>((resolve) => {
      finish = resolve
    })
    const baseUrl = (await upstream).serve('gated', async (wire) => {
      await wire.stream()
      await wire.event(chunk({ content: 'first' }))
      await gate
      await wire.event(chunk({ content: ' last' }))
      await wire.event(chunk({}, 'stop'))
      const usage = { prompt_tokens: 9, completion_tokens: 2, total_tokens: 11 }
      await wire.event({ ...chunk({}), choices: [], usage })
      await wire.event('[DONE]')
      await wire.endStream()
    })
    const listing = await operator.listing({ model: MODEL, baseUrl })
    const { key } = await operator.buyer({ key: { policy: { only: [listing] } } })
    const before = await balanceOf(second, key)
    const stream = openChat(second, key, { model: MODEL, stream: true })
    await stream.until((text) => text.includes('first'))
    second.signal('SIGINT')
    await second.said('"msg":"stopping"')
    expect(databaseServer(dataDir)).toBeDefined()
    finish()
    expect(await stream.ended).toBe(true)
    expect(stream.text()).toMatch(/ last.*data: \[DONE\]\n\n$/s)
    expect(await second.exited).toEqual({ code: 0, signal: null })
    expect(leftovers(dataDir)).toEqual([])

    second = await startProcess({ dataDir })
    const after = await balanceOf(second, key)
    expect(before.balanceNanos - after.balanceNanos).toBe(toldNanos(stream.text()))
    expect(after.heldNanos).toBe(0n)
  })

  test("the listing of a vendor's key goes when the variable does", async () => {
    const operator = await signIn(second)
    const { json } = await operator.api('GET', '/api/marketplace/listings?provider=openai&search=environment')
    expect(json.data).toMatchObject([{ state: 'disabled', stateReason: 'environment_key_removed' }])
    await Promise.all([first.stop(), second.stop()])
    expect(leftovers(first.dataDir)).toEqual([])
    expect(leftovers(second.dataDir)).toEqual([])
  })
})
