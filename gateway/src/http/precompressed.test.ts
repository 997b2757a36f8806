import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { request as httpRequest } from 'node:http'
import type { AddressInfo, Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { brotliCompressSync, brotliDecompressSync, gunzipSync, gzipSync } from 'node:zlib'
import express from 'express'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { preferCompressed } from './precompressed.ts'

const SCRIPT = `console.log('${'the same words '.repeat(100)}')`
let folder: string
let server: Server

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'bourse-compressed-'))
  writeFileSync(join(folder, 'app.js'), SCRIPT)
  writeFileSync(join(folder, 'app.js.br'), brotliCompressSync(SCRIPT))
  writeFileSync(join(folder, 'app.js.gz'), gzipSync(SCRIPT))
  writeFileSync(join(folder, 'plain.js'), SCRIPT)
  const app = express()
  app.use('/console', preferCompressed(folder), express.static(folder))
  server = app.listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
})
afterAll(() => {
  server.close()
  rmSync(folder, { recursive: true })
})

function get(path: string, encodings?: string) {
  const { port } = server.address() as AddressInfo
  const headers = encodings === undefined ? {} : { 'accept-encoding': encodings }
  return new Promise<{ status: number; headers: NodeJS.Dict<string | string[]>; body: Buffer }>(
    (resolve, reject) => {
      httpRequest({ host: '127.0.0.1', port, path, headers }, (response) => {
        const chunks: Buffer[] = []
        response.on('data', (chunk: Buffer) => chunks.push(chunk))
        response.on('end', () =>
          resolve({
            status: response.statusCode ?? 0,
            headers: response.headers,
            body: Buffer.concat(chunks),
          }),
        )
      })
        .on('error', reject)
        .end()
    },
  )
}

test('a browser gets the smallest form of a script that it takes, under the type of the script', async () => {
  const best = await get('/console/app.js', 'gzip, deflate, br, zstd')
  expect(best.headers).toMatchObject({
    'content-encoding': 'br',
    'content-type': 'text/javascript; charset=utf-8',
    vary: 'accept-encoding',
  })
  expect(brotliDecompressSync(best.body).toString()).toBe(SCRIPT)
  const older = await get('/console/app.js', 'gzip, br;q=0')
  expect(older.headers['content-encoding']).toBe('gzip')
  expect(gunzipSync(older.body).toString()).toBe(SCRIPT)
})

test('who takes no encoding, and who asks for what was not compressed, gets the file as it is', async () => {
  for (const answer of [await get('/console/app.js', 'identity'), await get('/console/plain.js', 'br')]) {
    expect(answer.headers['content-encoding']).toBeUndefined()
    expect(answer.body.toString()).toBe(SCRIPT)
  }
  // A cache in between must keep the two apart.
  expect((await get('/console/app.js', 'identity')).headers.vary).toBe('accept-encoding')
})

test('nothing outside the folder is reached by a name', async () => {
  for (const path of ['/console/../package.js', '/console/%2e%2e/package.js', '/console/..%2fpackage.js'])
    expect((await get(path, 'br')).status).toBe(404)
})
