import '@mantine/core/styles.css'
import '@mantine/charts/styles.css'
import '@mantine/notifications/styles.css'
import '@mantine/spotlight/styles.css'
import './app/global.css'
import { StrictMode } from 'react'
import { createRoot } from 'react-dom/client'
import { App } from './app/app.tsx'
import { createQueryClient } from './app/query-client.ts'
import { createConsoleRouter } from './app/router.tsx'
import { type ApiClient, createApiClient } from './lib/api-client.ts'
import { createSession } from './lib/session.ts'
import { themesOfWindow } from './lib/themes.ts'

const session = createSession({ api: () => api })
const api: ApiClient = createApiClient({
  fetch: (input, init) => window.fetch(input, init),
  renewToken: () => session.renewToken(),
})
const themes = themesOfWindow()
const queryClient = createQueryClient()
const router = createConsoleRouter({ session })

const root = document.getElementById('root')
if (!root) throw new Error('index.html has no #root')
createRoot(root).render(
  <StrictMode>
    <App api={api} session={session} themes={themes} queryClient={queryClient} router={router} />
  </StrictMode>,
)
