import { createContext, useContext, useSyncExternalStore } from 'react'
import type { ApiClient } from './api-client.ts'
import type { Person, Session } from './session.ts'

/** What every page may need; built once in `main.tsx`. */
export interface Services {
  api: ApiClient
  session: Session
}

export const ServicesContext = createContext<Services | undefined>(undefined)

export function useServices(): Services {
  const services = useContext(ServicesContext)
  if (!services) throw new Error('useServices needs the ServicesContext of main.tsx around it')
  return services
}

export function useApi(): ApiClient {
  return useServices().api
}

/** Who is signed in; the component renders again when that changes. */
export function usePerson(): Person | undefined {
  const { session } = useServices()
  return useSyncExternalStore(session.subscribe, session.person)
}
