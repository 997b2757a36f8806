import { Text } from '@mantine/core'
import { usePublicSettings } from './queries.ts'

/** Where mails go that nobody sends. */
export function MailHint() {
  const { data } = usePublicSettings()
  if (data === undefined || data.mail === 'smtp') return null
  return (
    <Text size="sm" mt="xs">
      {data.mail === 'kept'
        ? 'This gateway plays and sends no mail: its operators find it on their Outbox page.'
        : 'This gateway has no mail server at the moment: ask an operator.'}
    </Text>
  )
}
