import { Button } from '@mantine/core'
import { notifications } from '@mantine/notifications'
import { IconDownload } from '@tabler/icons-react'
import { useMutation } from '@tanstack/react-query'
import { toApiError } from '../lib/api-error.ts'
import { useApi } from '../lib/services.ts'
import { type Search, withSearch } from '../lib/with-search.ts'

interface CsvButtonProps {
  path: string
  /** What the list on the page was asked with; the file holds the same. */
  search: Search
  /** The name of the file without its ending. */
  name: string
}

/** Downloads the same figures as the page's as CSV. With the token in the call, never in an address. */
export function CsvButton({ path, search, name }: CsvButtonProps) {
  const api = useApi()
  const download = useMutation({
    mutationFn: () => api.download(withSearch(path, { ...search, format: 'csv' }), 'text/csv'),
    onSuccess: (file) => save(file, `${name}.csv`),
    onError: (error) => {
      const { message, details } = toApiError(error)
      const quoted = details.requestId ? ` Request id ${details.requestId}.` : ''
      notifications.show({ color: 'red', title: 'No file', message: `${message}${quoted}` })
    },
  })
  return (
    <Button
      variant="default"
      leftSection={<IconDownload size={16} aria-hidden />}
      loading={download.isPending}
      onClick={() => download.mutate()}
    >
      Download CSV
    </Button>
  )
}

function save(file: Blob, name: string): void {
  const url = URL.createObjectURL(file)
  const link = document.createElement('a')
  link.href = url
  link.download = name
  link.click()
  // The browser has begun to read by the next turn.
  setTimeout(() => URL.revokeObjectURL(url), 10_000)
}
