import type { RequestShown } from '@bourse/gateway/api/analytics'
import type { SignedReceiptShown } from '@bourse/gateway/api/settlement'
import type { UserShown } from '@bourse/gateway/api/users'
import { Button, Code, Group, Text } from '@mantine/core'
import { IconFileCertificate } from '@tabler/icons-react'
import { toApiError } from '../../lib/api-error.ts'
import { useRead } from '../../lib/use-read.ts'
import { saveFile } from './save-file.ts'

/** The signed receipt, and how to check it without us. */
export function ReceiptPart({ request }: { request: RequestShown }) {
  const { id, organisation } = request
  const own = useRead<UserShown>('/api/me', {}, { enabled: organisation !== undefined })
  const isPayer = organisation === undefined || organisation.id === own.data?.organisationId
  const receipt = useRead<SignedReceiptShown>(
    `/api/receipts/${encodeURIComponent(id)}`,
    {},
    { enabled: isPayer },
  )
  if (!isPayer && own.data)
    return (
      <Text size="sm" c="dimmed">
        Its receipt is for {organisation.name}, who paid.
      </Text>
    )
  if (receipt.isError) {
    const { details, message } = toApiError(receipt.error)
    return (
      <Text size="sm" c="dimmed">
        {details.status === 404 ? 'Its receipt is for the organisation that paid.' : message}
      </Text>
    )
  }
  if (!receipt.data) return null
  const signed = receipt.data
  return (
    <div>
      <Group gap="xs">
        <IconFileCertificate size={18} aria-hidden />
        <Text size="sm">
          Receipt signed with key <Code>{signed.kid}</Code>
        </Text>
        <Button
          size="compact-sm"
          variant="default"
          onClick={() =>
            saveFile(new Blob([JSON.stringify(signed)], { type: 'application/json' }), `receipt-${id}.json`)
          }
        >
          Download
        </Button>
      </Group>
      <Text size="sm" c="dimmed" mt={4}>
        Verify it without us, offline: keep the public keys of <Code>/.well-known/jwks.json</Code> and run{' '}
        <Code>npm run receipt:verify -- receipt-{id}.json --jwks jwks.json</Code>
      </Text>
    </div>
  )
}
