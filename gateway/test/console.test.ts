import { afterAll, beforeAll, expect, test } from 'vitest'
import { startTestGateway, type TestGateway } from './support/gateway.ts'

let gateway: TestGateway

beforeAll(async () => {
  gateway = await startTestGateway()
})
afterAll(() => gateway.close())

test('the console is served with a policy that lets it load nothing from anywhere else', async () => {
  const page = await fetch(`${gateway.origin}/console/`)
  expect(page.status).toBe(200)
  expect(page.headers.get('content-security-policy')).toMatch(/default-src 'self'.*frame-ancestors 'none'/)
  expect(await page.text()).toContain('<div id="root">')
  expect((await fetch(`${gateway.origin}/console/keys`)).headers.get('content-type')).toMatch(/text\/html/)
  const missing = await fetch(`${gateway.origin}/console/assets/missing.js`)
  expect(missing.status).toBe(404)
})
