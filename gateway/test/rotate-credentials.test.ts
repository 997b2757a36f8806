/** The encryption key changes: under traffic, in a process that is killed half-way, and after the old key was dropped. */
import { randomBytes } from 'node:crypto'
import supertest from 'supertest'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { credentialAad } from '../src/marketplace/credential-aad.ts'
import { connectClient } from '../src/platform/database.ts'
import { parseId, uuidv7 } from '../src/platform/ids.ts'
import { createLocalKms } from '../src/platform/kms.ts'
import { createSealer } from '../src/platform/secrets.ts'
import { startTestGateway, type TestGateway } from './support/gateway.ts'
import { call, signIn } from './support/gateway-client.ts'
import {
  adminUrl,
  askDatabase,
  endProcesses,
  type GatewayProcess,
  newDataDir,
  runToExit,
  startProcess,
} from './support/process.ts'
import { completion, type ScriptedUpstream, startScriptedUpstream } from './support/scripted-upstream.ts'

vi.setConfig({ testTimeout: 180_000, hookTimeout: 60_000 })

const [oldKey, newKey] = [randomBytes(32), randomBytes(32)]
const sealers = {
  old: createSealer(createLocalKms({ current: oldKey })),
  both: createSealer(createLocalKms({ current: newKey, old: [oldKey] })),
  new: createSealer(createLocalKms({ current: newKey })),
}
let upstream: ScriptedUpstream
let gateway: TestGateway

beforeAll(async () => {
  upstream = await startScriptedUpstream()
  gateway = await startTestGateway({ env: { GATEWAY_ENCRYPTION_KEYS_OLD: oldKey.toString('base64') } })
})
afterAll(async () => {
  await gateway.close()
  await endProcesses()
  await upstream.close()
})

const SELLERS = 8

test('buyers notice nothing while every credential moves to a new key, and each call carries its own', async () => {
  const { prisma } = gateway.database.database
  const list = async (name: string) => {
    const baseUrl = upstream.serve(name, (wire) => wire.json(200, completion('hello')))
    const listing = await gateway.listing({ baseUrl, name, key: `sk-of-${name}` })
    const { id, organisationId } = await prisma.listing.findUniqueOrThrow({
      where: { id: parseId('lst-', listing) as string },
    })
    const aad = credentialAad({ listingId: id, organisationId, baseUrl })
    const sealedCredential = Uint8Array.from(await sealers.old.seal(`sk-of-${name}`, aad))
    await prisma.listing.update({ where: { id }, data: { sealedCredential } })
  }
  await Promise.all(Array.from({ length: SELLERS }, (_, index) => list(`seller-${index}`)))
  await gateway.context.marketplace.refresh()
  const before = await gateway.api('get', '/api/admin/credentials')
  expect(before.body.keys.map(({ is }: { is: string }) => is)).toEqual(['current', 'old'])
  expect(before.body.keys[1]).toMatchObject({ credentials: SELLERS, mayBeDropped: false })

  const buyer = await gateway.buyer()
  const statuses: string[] = []
  let rotated = false
  const client = async () => {
    while (!rotated || statuses.length < 60) {
      const { status, body } = await supertest(gateway.origin)
        .post('/v1/chat/completions')
        .set('authorization', `Bearer ${buyer.key}`)
        .send({ model: 'gpt-4o-mini', messages: [{ role: 'user', content: 'hi' }] })
      statuses.push(`${status} ${body.error?.message ?? 'served'}`)
    }
  }
  const clients = [client(), client(), client(), client()]
  expect((await gateway.api('post', '/api/admin/credentials/rotate')).status).toBe(202)
  await vi.waitFor(async () => {
    const { body } = await gateway.api('get', '/api/admin/credentials')
    expect(body.rotation).toMatchObject({ state: 'idle', last: { moved: SELLERS, failed: 0 } })
    // The market reads the moved ones while buyers call.
    await gateway.context.marketplace.refresh()
  })
  rotated = true
  await Promise.all(clients)
  expect(new Set(statuses)).toEqual(new Set(['200 served']))
  const after = await gateway.api('get', '/api/admin/credentials')
  expect(after.body.keys[1]).toMatchObject({ is: 'old', credentials: 0, mayBeDropped: true })
  const wrong = upstream.visits.filter(
    ({ name, headers }) => headers.authorization !== `Bearer sk-of-${name}`,
  )
  expect(wrong).toEqual([])
  expect(new Set(upstream.visits.map(({ name }) => name)).size).toBeGreaterThan(3)
})

test('only operators see and move credentials', async () => {
  const { key } = await gateway.buyer()
  for (const [method, path] of [
    ['get', '/api/admin/credentials'],
    ['post', '/api/admin/credentials/rotate'],
  ] as const) {
    expect((await supertest(gateway.origin)[method](path)).status).toBe(401)
    const asKey = supertest(gateway.origin)[method](path).set('authorization', `Bearer ${key}`)
    expect((await asKey).status).toBeGreaterThanOrEqual(401)
  }
  const unknown = gateway.api('post', '/api/admin/credentials/rotate').send({ force: true })
  expect((await unknown).status).toBe(400)
})

// More than one batch of a hundred, and a row in the second.
const ROWS = 140
const STUCK_AT = 110

/** Listings that are sealed under the old key, in the order in which they are moved; their keys are `sk-<id>`. */
async function fill({ dataDir }: GatewayProcess): Promise<string[]> {
  const url = adminUrl(dataDir)
  const [platform] = await askDatabase<{ id: string }>(
    url,
    `SELECT id FROM organisation WHERE kind = 'platform'`,
  )
  const ids = Array.from({ length: ROWS }, () => uuidv7()).sort()
  const sealed = await Promise.all(
    ids.map((id) => sealers.old.seal(`sk-${id}`, bound(id, platform?.id as string))),
  )
  await askDatabase(
    url,
    `INSERT INTO listing (id, "organisationId", name, provider, "baseUrl", "sealedCredential", "credentialHint", ground,
       "groundAttestedAt", state, "updatedAt")
     SELECT id, $1, 'filled', 'openai', 'https://api.openai.com/v1', sealed, '', 'own_organisation', now(), 'paused', now()
       FROM unnest($2::uuid[], $3::bytea[]) AS filled(id, sealed)`,
    [platform?.id, ids, sealed],
  )
  return ids
}

const bound = (listingId: string, organisationId: string) =>
  credentialAad({ listingId, organisationId, baseUrl: 'https://api.openai.com/v1' })

/** Which of the filled rows open with this; throws when one opens to something else. */
async function readable({ dataDir }: GatewayProcess, sealer: typeof sealers.old): Promise<number> {
  const rows = await askDatabase<{ id: string; organisationId: string; sealedCredential: Buffer }>(
    adminUrl(dataDir),
    `SELECT id, "organisationId", "sealedCredential" FROM listing WHERE name = 'filled'`,
  )
  let count = 0
  for (const { id, organisationId, sealedCredential } of rows) {
    const opened = await sealer.open(sealedCredential, bound(id, organisationId)).catch(() => undefined)
    if (!opened) continue
    expect(opened.reveal()).toBe(`sk-${id}`)
    count += 1
  }
  return count
}

test('a gateway that is killed while it moves credentials leaves all of them readable; the next start moves the rest', async () => {
  const dataDir = newDataDir()
  const start = (encryptionKey: Buffer, old: Buffer[] = []) => ({
    dataDir,
    env: {
      GATEWAY_ENCRYPTION_KEY: encryptionKey.toString('hex'),
      GATEWAY_ENCRYPTION_KEYS_OLD: old.map((key) => key.toString('hex')).join(),
    },
  })
  let life = await startProcess(start(oldKey))
  const ids = await fill(life)
  expect(await readable(life, sealers.old)).toBe(ROWS)
  await life.kill()

  // Somebody holds a row that comes in the middle, so that the job stops there and the kill meets it at work.
  const holder = await connectClient(adminUrl(dataDir))
  try {
    await holder.query('BEGIN')
    await holder.query('SELECT 1 FROM listing WHERE id = $1 FOR UPDATE', [ids[STUCK_AT]])
    life = await startProcess(start(newKey, [oldKey]))
    await vi.waitFor(async () => expect(await readable(life, sealers.new)).toBe(STUCK_AT), {
      timeout: 20_000,
    })
    await life.kill()
  } finally {
    await holder.end()
  }
  expect(await readable(life, sealers.both)).toBe(ROWS)
  expect(await readable(life, sealers.old)).toBeGreaterThanOrEqual(ROWS - STUCK_AT - 1)

  // Without the old key it does not start, and says how many need it.
  const { code, output } = await runToExit(start(newKey))
  expect(code).toBe(1)
  expect(output).toMatch(/\d+ need the key [0-9a-f]{8}/)
  expect(output).toContain('GATEWAY_ENCRYPTION_KEYS_OLD')
  expect(output).not.toContain(oldKey.toString('hex'))

  life = await startProcess(start(newKey, [oldKey]))
  await vi.waitFor(async () => expect(await readable(life, sealers.new)).toBe(ROWS), { timeout: 20_000 })
  await life.stop()
  life = await startProcess(start(newKey))
  const { token } = await signIn(life)
  const { json } = await call(`${life.origin}/api/admin/credentials`, { token })
  expect(json.keys).toEqual([expect.objectContaining({ is: 'current' })])
  expect(json.keys[0].credentials).toBeGreaterThanOrEqual(ROWS)
  await life.stop()
})
