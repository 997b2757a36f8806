import type { UserDetailShown } from '@bourse/gateway/api/users'
import { Modal, Text } from '@mantine/core'
import { notifications } from '@mantine/notifications'
import { ConfirmDialog } from '../../components/confirm-dialog.tsx'
import { SecretOnce } from '../../components/secret-once.tsx'
import { useChangeUser, useRemoveUser, useResetTwoFactor } from './queries.ts'

export type UserAct = 'password' | 'two-factor' | 'remove'

interface UserActDialogProps {
  user: UserDetailShown
  onClose: () => void
}

/** Asks before what cannot be undone, and says what will happen. */
export function UserActDialog({
  act,
  onGone,
  ...props
}: UserActDialogProps & { act: UserAct; onGone: () => void }) {
  if (act === 'password') return <NewPassword {...props} />
  if (act === 'two-factor') return <TwoFactorOff {...props} />
  return <Remove {...props} onGone={onGone} />
}

function NewPassword({ user, onClose }: UserActDialogProps) {
  const change = useChangeUser()
  const password = change.data?.password
  if (password !== undefined)
    return (
      <Modal
        opened
        onClose={onClose}
        closeOnClickOutside={false}
        closeOnEscape={false}
        title={<Text fw={650}>Password of {user.email}</Text>}
      >
        <SecretOnce secret={password} label="password" onDone={onClose}>
          Hand this password to {user.email} over a channel you trust. All their sessions have ended.
        </SecretOnce>
      </Modal>
    )
  return (
    <ConfirmDialog
      opened
      title={`New password for ${user.name}?`}
      confirm="Make a new password"
      busy={change.isPending}
      error={change.error}
      onConfirm={() => change.mutate({ id: user.id, changes: { password: true } })}
      onClose={onClose}
    >
      The old password and all sessions of {user.email} end at once. The new password is shown to you once. To
      let them choose their own, tell them to use “Forgot your password?” at the sign-in.
    </ConfirmDialog>
  )
}

function TwoFactorOff({ user, onClose }: UserActDialogProps) {
  const reset = useResetTwoFactor()
  return (
    <ConfirmDialog
      opened
      title={`Turn two-factor sign-in of ${user.name} off?`}
      confirm="Turn off"
      busy={reset.isPending}
      error={reset.error}
      onConfirm={() => reset.mutate(user.id, { onSuccess: onClose })}
      onClose={onClose}
    >
      For people who have lost both their app and their backup codes. Make sure that it is really them who
      ask: afterwards the password alone opens {user.email}. They get a mail, and the audit log keeps it.
    </ConfirmDialog>
  )
}

function Remove({ user, onClose, onGone }: UserActDialogProps & { onGone: () => void }) {
  const remove = useRemoveUser()
  const willDelete = user.removal === 'deleted'
  const act = (): void =>
    remove.mutate(user.id, {
      onSuccess: ({ outcome }) => {
        notifications.show({ color: 'green', message: `${user.name} was ${outcome}.` })
        onClose()
        if (outcome === 'deleted') onGone()
      },
    })
  return (
    <ConfirmDialog
      opened
      title={willDelete ? `Delete ${user.name}?` : `Close ${user.name}?`}
      confirm={willDelete ? 'Delete user' : 'Close user'}
      busy={remove.isPending}
      error={remove.error}
      onConfirm={act}
      onClose={onClose}
    >
      {willDelete
        ? `${user.email} has never had money, history or listings, so the user is deleted with all keys, and the address is free again. This cannot be undone.`
        : `${user.email} has money, history or listings, so the user is closed, not deleted: no sign-in, all keys void at once, the money stays in the books. This cannot be undone.`}
    </ConfirmDialog>
  )
}
