import type { MailShown } from '@bourse/gateway/api/mail'
import { Button, Card, Stack, Text } from '@mantine/core'
import { CopyLine } from '../../components/code-block.tsx'
import { ErrorPanel } from '../../components/error-panel.tsx'
import { Facts } from '../../components/facts.tsx'
import { Moment } from '../../components/moment.tsx'
import { QueryView } from '../../components/query-view.tsx'
import { StateBadge } from '../../components/state-badge.tsx'
import { useRead } from '../../lib/use-read.ts'
import { useWrite } from '../../lib/use-write.ts'

/** One mail: its text as it goes out, and what became of it. */
export function MailView({ id }: { id: string }) {
  const mail = useRead<MailShown>(`/api/outbox/${encodeURIComponent(id)}`)
  const hurry = useWrite<string, undefined>(['/api/outbox'], (each) => ({
    path: `/api/outbox/${encodeURIComponent(each)}/attempts`,
    method: 'POST',
  }))
  return (
    <QueryView query={mail} rows={8}>
      {(shown) => (
        <Stack>
          <Text fw={650} fz="lg">
            {shown.subject}
          </Text>
          <Facts facts={factsOf(shown)} />
          <Link text={shown.text} />
          <Card component="section" aria-label="Text of the mail" padding="md">
            <Text size="sm" style={{ whiteSpace: 'pre-wrap', overflowWrap: 'anywhere' }}>
              {shown.text}
            </Text>
          </Card>
          {hurry.isError ? <ErrorPanel error={hurry.error} /> : null}
          {shown.state === 'queued' ? (
            <Button
              variant="default"
              w="fit-content"
              loading={hurry.isPending}
              onClick={() => hurry.mutate(shown.id)}
            >
              Try to send it now
            </Button>
          ) : null}
        </Stack>
      )}
    </QueryView>
  )
}

function factsOf(mail: MailShown) {
  return [
    { name: 'To', value: mail.to },
    { name: 'State', value: <StateBadge state={mail.state} /> },
    { name: 'Written', value: <Moment at={mail.createdAt} /> },
    ...(mail.sentAt ? [{ name: 'Sent', value: <Moment at={mail.sentAt} /> }] : []),
    ...(mail.attempts > 0 ? [{ name: 'Attempts', value: String(mail.attempts) }] : []),
    ...(mail.nextAttemptAt && mail.attempts > 0
      ? [{ name: 'Next attempt', value: <Moment at={mail.nextAttemptAt} /> }]
      : []),
    ...(mail.lastError ? [{ name: 'What went wrong', value: mail.lastError }] : []),
  ]
}

/** In play mode a link can be copied for the person it is for: it is never followed here, as somebody else. */
function Link({ text }: { text: string }) {
  const link = /https?:\/\/\S+\?token=\S+/.exec(text)?.[0]
  return link === undefined ? null : <CopyLine value={link} label="link of the mail" />
}
