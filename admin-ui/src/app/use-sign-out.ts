import { notifications } from '@mantine/notifications'
import { toApiError } from '../lib/api-error.ts'
import { useServices } from '../lib/services.ts'

/** Ends the session; says so when that failed. */
export function useSignOut(): () => void {
  const { session } = useServices()
  return () => {
    session.signOut().catch((error: unknown) => {
      notifications.show({ color: 'red', title: 'Still signed in', message: toApiError(error).message })
    })
  }
}
