/**
 * The yardstick: a Node proxy that does nothing but pass bytes on (node:http + undici dispatch), the least a
 * gateway in this language can cost. `PORT` and `UPSTREAM` (an origin) come from the environment.
 */
import { createServer } from 'node:http'
import { Pool } from 'undici'

const pool = new Pool(process.env.UPSTREAM ?? 'http://127.0.0.1:9001', { connections: 2_000, pipelining: 1 })

const server = createServer((request, response) => {
  const chunks: Buffer[] = []
  request.on('data', (chunk: Buffer) => chunks.push(chunk))
  request.on('end', () => forward(request.url ?? '/', Buffer.concat(chunks)))

  function forward(path: string, body: Buffer): void {
    pool.dispatch(
      { method: 'POST', path, headers: { 'content-type': 'application/json' }, body },
      {
        onRequestStart(controller) {
          response.on('drain', () => controller.resume())
          response.on('close', () => {
            if (!response.writableEnded) controller.abort(new Error('client left'))
          })
        },
        onResponseStart(_controller, status, headers) {
          response.writeHead(status, headers)
        },
        onResponseData(controller, chunk) {
          if (!response.write(chunk)) controller.pause()
        },
        onResponseEnd() {
          response.end()
        },
        onResponseError() {
          response.destroy()
        },
      },
    )
  }
})

server.listen(Number(process.env.PORT ?? 9002), '127.0.0.1', () => console.log('ready'))
