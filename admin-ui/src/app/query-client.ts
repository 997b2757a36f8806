import { QueryClient } from '@tanstack/react-query'
import { ApiError } from '../lib/api-error.ts'

/** A person who waits sees the error after the second silent retry. */
const silentRetries = 2

/** Reads are repeated when the gateway says that it may help; writes never, so that nothing happens twice. */
export function createQueryClient(): QueryClient {
  return new QueryClient({
    defaultOptions: {
      queries: {
        staleTime: 5_000,
        retry: (failures, error) =>
          failures < silentRetries && error instanceof ApiError && error.details.retryable,
        retryDelay: (attempt) => 400 * 2 ** attempt,
        // The console also runs on machines that are offline but have the gateway.
        networkMode: 'always',
      },
      mutations: { retry: false, networkMode: 'always' },
    },
  })
}
