import { useMutation, useQueryClient } from '@tanstack/react-query'
import type { ApiRequest } from './api-client.ts'
import { useApi } from './services.ts'

interface Write {
  path: string
  method: NonNullable<ApiRequest['method']>
  body?: unknown
  headers?: Readonly<Record<string, string>>
}

/** A write; afterwards every list and object whose path begins with one of `stale` is asked for again. */
export function useWrite<Input, Answer>(stale: readonly string[], write: (input: Input) => Write) {
  const api = useApi()
  const queryClient = useQueryClient()
  return useMutation<Answer, Error, Input>({
    mutationFn: (input) => {
      const { path, ...request } = write(input)
      return api.call(path, (json) => json as Answer, request)
    },
    onSettled: () => {
      // Not awaited: the answer is shown at once, also when the list behind it is slow to come.
      void queryClient.invalidateQueries({
        predicate: ({ queryKey: [key] }) =>
          typeof key === 'string' && stale.some((path) => key.startsWith(path)),
      })
    },
  })
}
