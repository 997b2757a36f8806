import { MantineProvider } from '@mantine/core'
import { Notifications } from '@mantine/notifications'
import { type QueryClient, QueryClientProvider } from '@tanstack/react-query'
import { RouterProvider } from '@tanstack/react-router'
import { type ReactNode, useEffect } from 'react'
import type { ApiClient } from '../lib/api-client.ts'
import { ServicesContext } from '../lib/services.ts'
import type { Session } from '../lib/session.ts'
import type { Themes } from '../lib/themes.ts'
import { ThemesContext, useThemes } from '../lib/use-themes.ts'
import type { ConsoleRouter } from './router.tsx'
import { theme } from './theme.ts'
import { variablesOf } from './theme-variables.ts'

interface AppProps {
  api: ApiClient
  session: Session
  themes: Themes
  queryClient: QueryClient
  router: ConsoleRouter
}

/** Everything around the pages: look, services, data, routes. */
export function App({ api, session, themes, queryClient, router }: AppProps) {
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
    <ThemesContext value={themes}>
      <Look>
        <Notifications position="bottom-right" limit={3} />
        <ServicesContext value={{ api, session }}>
          <QueryClientProvider client={queryClient}>
            <RouterProvider router={router} />
          </QueryClientProvider>
        </ServicesContext>
      </Look>
    </ThemesContext>
  )
}

/** Mantine knows light and dark; Matrix is its dark with other variables. */
function Look({ children }: { children: ReactNode }) {
  const { shown } = useThemes()
  return (
    <MantineProvider
      theme={theme}
      cssVariablesResolver={variablesOf(shown)}
      forceColorScheme={shown === 'light' ? 'light' : 'dark'}
    >
      {children}
      <div className="scan-lines" aria-hidden />
    </MantineProvider>
  )
}
