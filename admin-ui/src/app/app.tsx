import { MantineProvider } from '@mantine/core'
import { Notifications } from '@mantine/notifications'
import { type QueryClient, QueryClientProvider } from '@tanstack/react-query'
import { RouterProvider } from '@tanstack/react-router'
import { useEffect } from 'react'
import type { ApiClient } from '../lib/api-client.ts'
import { ServicesContext } from '../lib/services.ts'
import type { Session } from '../lib/session.ts'
import type { ConsoleRouter } from './router.tsx'
import { contrastVariables, theme } from './theme.ts'

interface AppProps {
  api: ApiClient
  session: Session
  queryClient: QueryClient
  router: ConsoleRouter
}

/** Everything around the pages: look, services, data, routes. */
export function App({ api, session, queryClient, router }: AppProps) {
  useEffect(() => {
    let wasSignedIn = session.person() !== undefined
    return session.subscribe(() => {
      const isSignedIn = session.person() !== undefined
      if (wasSignedIn && !isSignedIn) {
        // The next person at this screen must not see the last one's figures.
        queryClient.clear()
        void router.invalidate()
      }
      wasSignedIn = isSignedIn
    })
  }, [session, queryClient, router])

  return (
    <MantineProvider theme={theme} cssVariablesResolver={contrastVariables} defaultColorScheme="auto">
      <Notifications position="bottom-right" limit={3} />
      <ServicesContext value={{ api, session }}>
        <QueryClientProvider client={queryClient}>
          <RouterProvider router={router} />
        </QueryClientProvider>
      </ServicesContext>
    </MantineProvider>
  )
}
