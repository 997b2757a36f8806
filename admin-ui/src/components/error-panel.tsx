import { Alert, Button, Group, Stack, Text } from '@mantine/core'
import { IconAlertTriangle, IconRefresh } from '@tabler/icons-react'
import { toApiError } from '../lib/api-error.ts'
import { CopyButton } from './copy-button.tsx'

interface ErrorPanelProps {
  error: unknown
  onRetry?: () => void
}

/** What failed, the request id to quote, and the way to try again. */
export function ErrorPanel({ error, onRetry }: ErrorPanelProps) {
  const { message, details } = toApiError(error)
  return (
    <Alert color="red" radius="md" icon={<IconAlertTriangle aria-hidden />} role="alert">
      <Stack gap="xs" align="flex-start">
        <Text size="sm" style={{ overflowWrap: 'anywhere' }}>
          {message}
        </Text>
        {details.requestId ? (
          <Group gap={6} wrap="wrap">
            <Text size="xs" c="dimmed">
              Request id
            </Text>
            <Text size="xs" ff="monospace" style={{ overflowWrap: 'anywhere' }}>
              {details.requestId}
            </Text>
            <CopyButton value={details.requestId} label="Copy request id" />
          </Group>
        ) : null}
        {onRetry ? (
          <Button
            size="xs"
            variant="default"
            leftSection={<IconRefresh size={14} aria-hidden />}
            onClick={onRetry}
          >
            Try again
          </Button>
        ) : null}
      </Stack>
    </Alert>
  )
}
