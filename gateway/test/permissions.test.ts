/**
 * The permission matrix: every operation of the OpenAPI document, asked by every kind of caller, for own things and a
 * stranger's. Who may what is said in support/permission-rows.ts.
 */
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import express, { Router } from 'express'
import { expect, test } from 'vitest'
import { z } from 'zod'
import { createOpenapi } from '../src/admin/openapi.ts'
import { rooms } from '../src/admin/rooms.ts'
import { createErrorHandler, nameRequest } from '../src/http/express-edges.ts'
import { operation } from '../src/http/operation.ts'
import { serveOperation } from '../src/http/serve-operation.ts'
import { createLogger } from '../src/platform/logger.ts'
import { createAuthenticate } from '../src/users/authenticate.ts'
import { describePermissions, nameOf, operationsOf, PEOPLE_ROOMS } from './support/permission-matrix.ts'
import { type Described, faultsOf, type PermissionRow } from './support/permission-row.ts'
import { permissionRows } from './support/permission-rows.ts'
import { roles } from './support/permission-scene.ts'

const { scene, gateway } = describePermissions((tag) => !PEOPLE_ROOMS.includes(tag))

const withoutRow = (operations: readonly Described[]) =>
  operations.map(nameOf).filter((name) => permissionRows[name] === undefined)

test('every operation has a row, and every row an operation', () => {
  const operations = operationsOf(createOpenapi(rooms, 'test'))
  expect(withoutRow(operations)).toEqual([])
  const names = new Set(operations.map(nameOf))
  expect(Object.keys(permissionRows).filter((name) => !names.has(name))).toEqual([])
})

const planted = operation({
  method: 'get',
  path: '/api/planted/:id',
  summary: 'A route that somebody forgot to guard',
  access: 'anyone',
  answer: z.string(),
})
const plantedRow: PermissionRow = { may: ['operator'], object: async () => 'thing-1' }

test('a route without a row is noticed', () => {
  const document = createOpenapi([...rooms, { tag: 'Planted', about: '', operations: { planted } }], 'test')
  expect(withoutRow(operationsOf(document))).toEqual(['get /api/planted/{id}'])
})

test('a route without a guard is noticed, and so is one that lets strangers have each other’s things', async () => {
  const open = await plant()
  try {
    const of = { method: 'get', path: '/api/planted/{id}' }
    const { origin } = open
    const faults = await faultsOf(scene(), of, plantedRow, { roles, origin })
    expect(faults).toHaveLength(roles.length - 1)
    expect(faults[0]).toContain('as anonymous: 200')
    const people: PermissionRow = { ...plantedRow, may: roles, missing: 'thing-0' }
    const between = await faultsOf(scene(), of, people, { roles, origin })
    expect(between).toContainEqual(expect.stringContaining("as buyer, a stranger's: 200"))
  } finally {
    await open.close()
  }
})

async function plant(): Promise<{ origin: string; close: () => Promise<unknown> }> {
  const app = express()
  const { users, verifier } = gateway().context
  const authenticate = createAuthenticate({
    sessions: users.sessions,
    verifyKey: (token) => verifier.verify(token),
  })
  const router = Router()
  serveOperation(router, { authenticate }, planted, () => 'anybody’s')
  app.use(nameRequest)
  app.use('/api', router)
  app.use(createErrorHandler(createLogger({ level: 'silent' })))
  const server: Server = createServer(app)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return { origin, close: () => new Promise((resolve) => server.close(resolve)) }
}
