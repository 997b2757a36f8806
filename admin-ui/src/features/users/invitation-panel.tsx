import type { UserDetailShown } from '@bourse/gateway/api/users'
import { Alert, Button, Group, Stack, Text } from '@mantine/core'
import { notifications } from '@mantine/notifications'
import { IconMail } from '@tabler/icons-react'
import { CopyLine } from '../../components/code-block.tsx'
import { ErrorPanel } from '../../components/error-panel.tsx'
import { Moment } from '../../components/moment.tsx'
import { useInviteAgain, useWithdrawInvitation } from './queries.ts'

/** The invitation that is out, and the ways to send it again or to end it. */
export function InvitationPanel({ user }: { user: UserDetailShown }) {
  const again = useInviteAgain()
  const withdraw = useWithdrawInvitation()
  const { invitation } = user
  const send = (): void =>
    again.mutate(user.id, {
      onSuccess: ({ link }) => {
        if (link === undefined)
          notifications.show({
            color: 'green',
            message: `${user.email} gets a new mail; the older link ended.`,
          })
      },
    })
  return (
    <Alert
      color="indigo"
      icon={<IconMail aria-hidden />}
      title={invitation ? 'Invited' : 'No invitation is out'}
    >
      <Stack gap="sm">
        {invitation ? (
          <Text size="sm">
            The link was made <Moment at={invitation.sentAt} as="age" /> and works until{' '}
            <Moment at={invitation.expiresAt} />.
          </Text>
        ) : (
          <Text size="sm">
            {user.name} has not chosen a password, and no link works. Invite again, or remove the user.
          </Text>
        )}
        {again.data?.link ? (
          <>
            <Text size="sm">
              No mail server is set, so nothing was sent. Hand this link over; it is shown only now.
            </Text>
            <CopyLine value={again.data.link} label="invitation link" />
          </>
        ) : null}
        {again.isError ? <ErrorPanel error={again.error} /> : null}
        {withdraw.isError ? <ErrorPanel error={withdraw.error} /> : null}
        <Group gap="sm">
          <Button size="xs" variant="default" loading={again.isPending} onClick={send}>
            Invite again
          </Button>
          {invitation ? (
            <Button
              size="xs"
              variant="default"
              loading={withdraw.isPending}
              onClick={() => {
                again.reset()
                withdraw.mutate(user.id)
              }}
            >
              Withdraw
            </Button>
          ) : null}
        </Group>
      </Stack>
    </Alert>
  )
}
