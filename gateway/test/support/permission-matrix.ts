/** Holds the rows of the permission matrix against a gateway of its own, room by room. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createOpenapi, type OpenapiDocument } from '../../src/admin/openapi.ts'
import { rooms } from '../../src/admin/rooms.ts'
import { startTestGateway, type TestGateway } from './gateway.ts'
import { type Described, faultsOf, type PermissionRow } from './permission-row.ts'
import { permissionRows } from './permission-rows.ts'
import { type PermissionScene, raisePermissionScene, roles } from './permission-scene.ts'

/** The rooms whose matrix hashes many passwords; they have a file of their own. */
export const PEOPLE_ROOMS: readonly string[] = ['Getting in', 'My account', 'Users']

export const nameOf = ({ method, path }: Described) => `${method} ${path}`

/** The operations of a document, each with its room. */
export function operationsOf(document: OpenapiDocument): (Described & { tag: string })[] {
  return Object.entries(document.paths ?? {}).flatMap(([path, item]) =>
    Object.entries(item as Record<string, { tags: string[] }>).map(([method, { tags }]) => ({
      method,
      path,
      tag: String(tags[0]),
    })),
  )
}

/** Declares a test for every operation of the rooms that `includes` takes; answers the scene they share. */
export function describePermissions(includes: (tag: string) => boolean): {
  scene(): PermissionScene
  gateway(): TestGateway
} {
  let gateway: TestGateway
  let scene: PermissionScene
  beforeAll(async () => {
    gateway = await startTestGateway()
    scene = await raisePermissionScene(gateway)
  })
  afterAll(async () => {
    await gateway?.close()
    await scene?.close()
  })
  const operations = operationsOf(createOpenapi(rooms, 'test')).filter(({ tag }) => includes(tag))
  describe.each([...new Set(operations.map(({ tag }) => tag))])('%s', (tag) => {
    test.each(operations.filter((each) => each.tag === tag))('$method $path', async (each) => {
      const row = permissionRows[nameOf(each)] as PermissionRow
      expect(await faultsOf(scene, each, row, { roles })).toEqual([])
    })
  })
  return { scene: () => scene, gateway: () => gateway }
}
