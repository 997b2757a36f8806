/** The reference: the OpenAPI document, and Swagger UI over it, all of it from here. */
import { createHash } from 'node:crypto'
import express, { type RequestHandler, Router } from 'express'
import { absolutePath } from 'swagger-ui-dist'
import { type Door, sent, serveOperation } from '../http/serve-operation.ts'
import { getOpenapi } from './api.ts'
import type { OpenapiDocument } from './openapi.ts'

/** What Swagger UI is told: our document, no badge of a foreign validator, and no query string that could name another. */
const INITIALISER = `window.onload = () => {
  SwaggerUIBundle({
    url: '/api/openapi.json',
    dom_id: '#swagger-ui',
    deepLinking: true,
    docExpansion: 'list',
    filter: true,
    validatorUrl: null,
    queryConfigEnabled: false,
    persistAuthorization: false,
    presets: [SwaggerUIBundle.presets.apis],
    layout: 'BaseLayout',
  })
}
`

const PAGE = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>API reference · Bourse</title>
<link rel="stylesheet" href="swagger-ui.css">
<link rel="icon" type="image/png" href="favicon-32x32.png">
</head>
<body>
<div id="swagger-ui"><p>The reference needs JavaScript; <a href="/api/openapi.json">the document</a> does not.</p></div>
<script src="swagger-ui-bundle.js"></script>
<script src="start.js"></script>
</body>
</html>
`

// Everything else of the package stays at home: its own start page loads a foreign document.
const FILES = new Set(['/swagger-ui.css', '/swagger-ui-bundle.js', '/favicon-32x32.png'])

/** Under `/api`. */
export function createReferenceRoutes({ door, openapi }: { door: Door; openapi: OpenapiDocument }): Router {
  const router = Router()
  const body = Buffer.from(JSON.stringify(openapi))
  const etag = `"${createHash('sha256').update(body).digest('base64url').slice(0, 22)}"`
  serveOperation(router, door, getOpenapi, ({ request, response }) => {
    response.set({ etag, 'cache-control': 'no-cache', 'access-control-allow-origin': '*' })
    if (request.headers['if-none-match']?.includes(etag)) response.status(304).end()
    else response.type('application/json').send(body)
    return sent
  })
  // Files, and no part of the API.
  router.use(
    '/docs',
    pageHeaders(),
    servePage(),
    express.static(absolutePath(), { index: false, redirect: false, maxAge: '1h' }),
  )
  return router
}

/** Swagger UI sets sizes on elements, so styles may be inline; scripts come from our files alone. */
const HEADERS = {
  'content-security-policy': [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self' 'unsafe-inline'",
    "img-src 'self' data:",
    "connect-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join('; '),
  'cross-origin-opener-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
}

function pageHeaders(): RequestHandler {
  return (_request, response, next) => {
    response.set(HEADERS)
    next()
  }
}

function servePage(): RequestHandler {
  return (request, response, next) => {
    if (request.path === '/' && !request.originalUrl.split('?')[0]?.endsWith('/'))
      response.redirect('/api/docs/')
    else if (request.path === '/') response.type('html').set('cache-control', 'no-cache').send(PAGE)
    else if (request.path === '/start.js') response.type('text/javascript').send(INITIALISER)
    else if (FILES.has(request.path)) next()
    else next('router')
  }
}
