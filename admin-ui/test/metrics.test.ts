/**
 * An operator opens Grafana from the console, in a browser. Grafana is a stand-in: a page that tries everything that
 * another program's page must not be able to do under our origin.
 */
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, expect } from 'vitest'
import { raiseStage, story } from './support/real-stage.ts'

const SCRIPT = `
const told = {}
const tries = {
  own: () => fetch('/admin/grafana/api/health').then((response) => response.text()),
  token: () => fetch('/api/token', { method: 'POST' }).then((response) => response.status),
  api: () => fetch('/api/me').then((response) => response.status),
  console: () => fetch('/console/').then((response) => response.status),
  redirected: () => fetch('/admin/grafana/away', { method: 'POST' }).then((response) => response.status),
  window: async () => (window.open('/console/') === null ? Promise.reject(new Error('blocked')) : 'opened'),
  opener: async () => (window.opener === null ? Promise.reject(new Error('none')) : 'has one'),
  worker: () => navigator.serviceWorker.register('/admin/grafana/worker.js', { scope: '/' }).then(() => 'registered'),
  cookies: async () => (document.cookie === '' ? Promise.reject(new Error('none')) : document.cookie),
  frame: () => new Promise((resolve, reject) => {
    const frame = document.createElement('iframe')
    frame.src = '/console/'
    frame.onload = () => {
      try { frame.contentDocument.title === '' ? reject(new Error('empty')) : resolve('read') } catch { reject(new Error('apart')) }
    }
    frame.onerror = () => reject(new Error('error'))
    document.body.append(frame)
    setTimeout(() => reject(new Error('nothing')), 1500)
  }),
}
Promise.all(Object.entries(tries).map(([name, attempt]) =>
  Promise.resolve().then(attempt).then((result) => { told[name] = String(result) }, () => { told[name] = 'no' }),
)).then(() => { document.getElementById('told').textContent = JSON.stringify(told) })
`

let standIn: Server

const stage = raiseStage(async () => {
  standIn = createServer((request, response) => {
    if (request.url?.endsWith('/api/health')) response.end('well')
    else if (request.url?.endsWith('/away')) response.writeHead(307, { location: '/api/token' }).end()
    else if (request.url?.endsWith('/worker.js'))
      response.setHeader('content-type', 'text/javascript').setHeader('service-worker-allowed', '/').end('')
    else
      response
        .setHeader('content-type', 'text/html')
        .end(`<h1>A dashboard</h1><pre id="told"></pre><script>${SCRIPT}</script>`)
  })
  await new Promise<void>((resolve) => standIn.listen(0, '127.0.0.1', resolve))
  return { env: { GRAFANA_URL: `http://127.0.0.1:${(standIn.address() as AddressInfo).port}` } }
})

afterAll(() => {
  standIn?.closeAllConnections()
  standIn?.close()
})

story('an operator opens Grafana, and its page reaches nothing of ours but itself', async () => {
  const { page, context, go } = await stage.visit({ as: stage.operator })
  await go('run/metrics')
  await page.getByText('not set up', { exact: true }).waitFor()
  const opened = context.waitForEvent('page')
  await page.getByRole('button', { name: 'Open Grafana' }).click()
  const grafana = await opened
  await grafana.getByRole('heading', { name: 'A dashboard' }).waitFor()
  await expect.poll(() => grafana.locator('#told').textContent(), { timeout: 10_000 }).not.toBe('')
  expect(JSON.parse(String(await grafana.locator('#told').textContent()))).toEqual({
    own: 'well',
    token: 'no',
    api: 'no',
    console: 'no',
    redirected: '502',
    window: 'no',
    opener: 'no',
    worker: 'no',
    cookies: 'no',
    frame: 'no',
  })
  // Its attempts are what the browser complains about.
  stage.forgive(/./)
})
