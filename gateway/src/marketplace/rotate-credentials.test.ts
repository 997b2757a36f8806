import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { createTestDatabase, type TestDatabase } from '../../test/support/database.ts'
import { uuidv7 } from '../platform/ids.ts'
import { createLocalKms } from '../platform/kms.ts'
import { createLogger } from '../platform/logger.ts'
import { createMetrics, type Metrics } from '../platform/metrics.ts'
import { createSealer, type Sealer } from '../platform/secrets.ts'
import { credentialAad } from './credential-aad.ts'
import { type CredentialRotation, createCredentialRotation, type KeyUse } from './rotate-credentials.ts'

const [oldKey, newKey] = [randomBytes(32), randomBytes(32)]
const before = createSealer(createLocalKms({ current: oldKey }))
const after = createSealer(createLocalKms({ current: newKey }))
const logger = createLogger({ level: 'silent' })
const open: CredentialRotation[] = []
let testDatabase: TestDatabase
let organisationId: string

beforeAll(async () => {
  testDatabase = await createTestDatabase()
  organisationId = uuidv7()
  await testDatabase.database.prisma.organisation.create({
    data: { id: organisationId, name: 'seller', kind: 'personal' },
  })
})
beforeEach(async () => {
  await testDatabase.database.prisma.listing.deleteMany()
})
afterAll(async () => {
  for (const one of open) await one.close()
  await testDatabase.drop()
})

interface RotationOptions {
  current?: Buffer
  old?: Buffer[]
  lost?: string[]
  sealer?: Pick<Sealer, 'rewrap'>
  metrics?: Pick<Metrics, 'samples'>
}

function rotationWith({ current = newKey, old = [oldKey], lost = [], ...rest }: RotationOptions = {}) {
  const kms = createLocalKms({ current, old })
  const rotation = createCredentialRotation({
    database: testDatabase.database,
    sealer: createSealer(kms),
    kms,
    lostKeyIds: lost,
    logger,
    metrics: createMetrics(),
    ...rest,
  })
  open.push(rotation)
  return rotation
}

const bound = (id: string, baseUrl = 'https://api.example.com/v1') =>
  credentialAad({ listingId: id, organisationId, baseUrl })

/** A listing whose key is `sk-<its id>`. */
async function list(sealer: Sealer = before): Promise<string> {
  const id = uuidv7()
  await testDatabase.database.prisma.listing.create({
    data: {
      id,
      organisationId,
      name: 'listing',
      provider: 'openai',
      baseUrl: 'https://api.example.com/v1',
      sealedCredential: Uint8Array.from(await sealer.seal(`sk-${id}`, bound(id))),
      credentialHint: '1234',
      ground: 'own_endpoint',
      groundAttestedAt: new Date(),
      state: 'active',
    },
  })
  return id
}

async function listMany(count: number): Promise<string[]> {
  const ids: string[] = []
  for (let index = 0; index < count; index += 1) ids.push(await list())
  return ids
}

const rowOf = (id: string) => testDatabase.database.prisma.listing.findUniqueOrThrow({ where: { id } })

async function keyOf(id: string, sealer: Sealer): Promise<string> {
  const { sealedCredential, baseUrl } = await rowOf(id)
  return (await sealer.open(sealedCredential, bound(id, baseUrl))).reveal()
}

const brief = (keys: readonly KeyUse[]) => keys.map(({ is, credentials }) => `${is} ${credentials}`)

test('all credentials move to the new key in batches, open under it alone, and their sellers have not acted', async () => {
  const ids = await listMany(230)
  const own = await list(after)
  const untouched = (await rowOf(ids[0] as string)).updatedAt
  const rotation = rotationWith()
  expect(brief(await rotation.keys())).toEqual(['current 1', 'old 230'])
  expect(await rotation.rotate()).toEqual({ moved: 230, changedMeanwhile: 0, failed: 0 })
  expect(brief(await rotation.keys())).toEqual(['current 231', 'old 0'])
  for (const id of [...ids, own]) expect(await keyOf(id, after)).toBe(`sk-${id}`)
  expect((await rowOf(ids[0] as string)).updatedAt).toEqual(untouched)
  expect(await rotation.rotate()).toEqual({ moved: 0, changedMeanwhile: 0, failed: 0 })
})

test('a key that was entered while its listing was moved is not overwritten', async () => {
  const [first, edited] = (await listMany(2)) as [string, string]
  const kms = createLocalKms({ current: newKey, old: [oldKey] })
  const sealer = createSealer(kms)
  const rotation = rotationWith({
    sealer: {
      async rewrap(sealed, aad) {
        if (aad === bound(edited)) {
          const fresh = Uint8Array.from(await after.seal('sk-entered-just-now', aad))
          await testDatabase.database.prisma.listing.update({
            where: { id: edited },
            data: { sealedCredential: fresh },
          })
        }
        return sealer.rewrap(sealed, aad)
      },
    },
  })
  expect(await rotation.rotate()).toEqual({ moved: 1, changedMeanwhile: 1, failed: 0 })
  expect(await keyOf(edited, after)).toBe('sk-entered-just-now')
  expect(await keyOf(first, after)).toBe(`sk-${first}`)
})

test('two nodes that move the same credentials move each of them once', async () => {
  const ids = await listMany(120)
  const results = await Promise.all([rotationWith().rotate(), rotationWith().rotate()])
  expect(results[0].moved + results[1].moved).toBe(120)
  expect(results[0].failed + results[1].failed).toBe(0)
  for (const id of ids) expect(await keyOf(id, after)).toBe(`sk-${id}`)
})

test('credentials that were swapped, altered or cut are left alone, and the others move', async () => {
  const { prisma } = testDatabase.database
  const [one, two, altered, cut, sound] = (await listMany(5)) as [string, string, string, string, string]
  const put = async (id: string, sealedCredential: Uint8Array) =>
    prisma.listing.update({
      where: { id },
      data: { sealedCredential: Uint8Array.from(sealedCredential) },
    })
  const [ofOne, ofTwo] = [await rowOf(one), await rowOf(two)]
  await put(one, ofTwo.sealedCredential)
  await put(two, ofOne.sealedCredential)
  const bytes = Buffer.from((await rowOf(altered)).sealedCredential)
  bytes[30] = (bytes[30] as number) ^ 1
  await put(altered, bytes)
  await put(cut, (await rowOf(cut)).sealedCredential.subarray(0, 5))
  const stored = new Map(
    await Promise.all([one, two, altered, cut].map(async (id) => [id, await rowOf(id)] as const)),
  )
  const rotation = rotationWith()
  expect(await rotation.rotate()).toEqual({ moved: 1, changedMeanwhile: 0, failed: 3 })
  expect(brief(await rotation.keys())).toEqual(['current 1', 'old 3', 'damaged 1'])
  for (const [id, row] of stored) {
    expect(await rowOf(id)).toEqual(row)
    await expect(keyOf(id, before)).rejects.toThrow()
  }
  expect(await keyOf(sound, after)).toBe(`sk-${sound}`)
  await expect(rotation.requireKeys()).resolves.toBeUndefined()
})

test('a listing whose origin was changed in the database has lost its credential', async () => {
  const id = await list()
  await testDatabase.database.prisma.listing.update({
    where: { id },
    data: { baseUrl: 'https://evil.example.com/v1' },
  })
  await expect(keyOf(id, before)).rejects.toThrow()
  expect(await rotationWith().rotate()).toMatchObject({ moved: 0, failed: 1 })
  await expect(keyOf(id, after)).rejects.toThrow()
})

test('a start without a key that is still needed is refused with counts; without one that nothing needs it is not', async () => {
  const ids = await listMany(3)
  const alone = rotationWith({ old: [] })
  await expect(alone.requireKeys()).rejects.toThrow(
    /3 need the key [0-9a-f]{8}.*GATEWAY_ENCRYPTION_KEYS_OLD.*lost:/,
  )
  await expect(rotationWith().requireKeys()).resolves.toBeUndefined()
  await rotationWith().rotate()
  await expect(alone.requireKeys()).resolves.toBeUndefined()
  expect(await keyOf(ids[0] as string, after)).toBe(`sk-${ids[0]}`)
})

test('what a lost key sealed is given up when the operator says so, and only that', async () => {
  const [gone, kept] = [await list(), await list(after)]
  const [lost] = (await rotationWith({ old: [] }).keys()).filter(({ is }) => is === 'missing')
  const rotation = rotationWith({ old: [], lost: [lost?.keyId as string] })
  await rotation.requireKeys()
  expect(await rowOf(gone)).toMatchObject({
    state: 'disabled',
    stateReason: 'credential_lost',
    credentialHint: '',
  })
  expect((await rowOf(gone)).sealedCredential).toHaveLength(0)
  expect(await keyOf(kept, after)).toBe(`sk-${kept}`)
  expect((await rowOf(kept)).state).toBe('active')
  // A key that is there is not lost, whatever the setting says.
  await rotationWith({ lost: [(await rotation.keys())[0]?.keyId as string] }).requireKeys()
  expect(await keyOf(kept, after)).toBe(`sk-${kept}`)
})

test('the metric shows how many credentials each encryption key seals', async () => {
  await listMany(2)
  const metrics = createMetrics()
  const rotation = rotationWith({ metrics })
  await rotation.requireKeys()
  const [current, old] = await rotation.keys()
  expect(await metrics.render()).toContain(`gateway_sealed_credentials{kek="${old?.keyId}"} 2`)
  await rotation.rotate()
  expect(await metrics.render()).toContain(`gateway_sealed_credentials{kek="${current?.keyId}"} 2`)
})

test('a rotation that is closed stops after the credential it is at; the next one does the rest', async () => {
  await listMany(5)
  const sealer = createSealer(createLocalKms({ current: newKey, old: [oldKey] }))
  let closing: Promise<void> | undefined
  const rotation = rotationWith({
    sealer: {
      async rewrap(sealed, aad) {
        closing ??= rotation.close()
        return sealer.rewrap(sealed, aad)
      },
    },
  })
  expect(await rotation.rotate()).toMatchObject({ moved: 1 })
  await closing
  expect(await rotationWith().rotate()).toMatchObject({ moved: 4 })
})
