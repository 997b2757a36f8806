import { Box, Skeleton, Stack } from '@mantine/core'
import type { ReactNode } from 'react'
import { ErrorPanel } from './error-panel.tsx'

interface QueryViewProps<Data> {
  /** A query of TanStack, paged or not. */
  query: {
    data: Data | undefined
    error: unknown
    isError: boolean
    isRefetchError: boolean
    refetch: () => unknown
  }
  /** Rows of the skeleton: about as many as the list will have. */
  rows?: number
  children: (data: Data) => ReactNode
}

/** A skeleton while loading, the error with a retry, else the data. Data that was shown stays when a refresh fails. */
export function QueryView<Data>({ query, rows = 4, children }: QueryViewProps<Data>) {
  const retry = (): void => void query.refetch()
  if (query.data !== undefined) {
    return (
      <>
        {query.isRefetchError ? (
          <Box mb="md">
            <ErrorPanel error={query.error} onRetry={retry} />
          </Box>
        ) : null}
        {children(query.data)}
      </>
    )
  }
  if (query.isError) return <ErrorPanel error={query.error} onRetry={retry} />
  return (
    <Stack gap="sm" py="xs" aria-busy aria-label="Loading">
      {Array.from({ length: rows }, (_, row) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: skeleton rows have no identity
        <Skeleton key={row} height={22} />
      ))}
    </Stack>
  )
}
