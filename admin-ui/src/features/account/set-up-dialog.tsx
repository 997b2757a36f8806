import { Center, Modal, Stack, Text, TextInput } from '@mantine/core'
import { type FormEvent, useState } from 'react'
import { CopyLine } from '../../components/code-block.tsx'
import { FormActions } from '../../components/form-actions.tsx'
import { BackupCodes } from './backup-codes.tsx'
import { PasswordQuestion } from './password-dialog.tsx'
import { QrImage } from './qr-image.tsx'
import { useBeginTwoFactor, useConfirmTwoFactor } from './queries.ts'

/** Password, the code to scan, a first code of the app, and the backup codes. */
export function SetUpDialog({ onClose }: { onClose: () => void }) {
  const begin = useBeginTwoFactor()
  const confirm = useConfirmTwoFactor()
  const secret = begin.data
  const codes = confirm.data?.backupCodes
  return (
    <Modal
      opened
      onClose={onClose}
      closeOnClickOutside={secret === undefined}
      closeOnEscape={codes === undefined}
      title={<Text fw={650}>{codes ? 'Two-factor sign-in is on' : 'Turn two-factor sign-in on'}</Text>}
    >
      {codes ? (
        <BackupCodes codes={codes} onDone={onClose} />
      ) : secret ? (
        <ScanAndConfirm
          {...secret}
          busy={confirm.isPending}
          error={confirm.error}
          onSubmit={(code) => confirm.mutate(code)}
          onCancel={onClose}
        />
      ) : (
        <PasswordQuestion
          act="Go on"
          why="You need an authenticator app on your phone, or a password manager that makes codes."
          busy={begin.isPending}
          error={begin.error}
          onSubmit={(password) => begin.mutate(password)}
          onCancel={onClose}
        />
      )}
    </Modal>
  )
}

interface ScanAndConfirmProps {
  secret: string
  uri: string
  busy: boolean
  error: unknown
  onSubmit: (code: string) => void
  onCancel: () => void
}

function ScanAndConfirm({ secret, uri, busy, error, onSubmit, onCancel }: ScanAndConfirmProps) {
  const [code, setCode] = useState('')
  const [fault, setFault] = useState<string>()
  const submit = (event: FormEvent): void => {
    event.preventDefault()
    if (code.trim() === '') setFault('Enter the six digits that the app shows')
    else onSubmit(code.trim())
  }
  return (
    <form noValidate onSubmit={submit}>
      <Stack>
        <Text size="sm">Scan this with the app. It is drawn in your browser; nobody else gets it.</Text>
        <Center>
          <QrImage text={uri} label="QR code for your authenticator app" />
        </Center>
        <Text size="sm">Or type this secret into it:</Text>
        <CopyLine value={secret} label="secret" />
        <TextInput
          label="Code of the app"
          description="Six digits. All your other sessions end when it is right."
          inputMode="numeric"
          autoComplete="one-time-code"
          maxLength={10}
          data-autofocus
          value={code}
          error={fault}
          onChange={({ currentTarget }) => {
            setCode(currentTarget.value)
            setFault(undefined)
          }}
        />
        <FormActions act="Turn on" busy={busy} error={error} onCancel={onCancel} />
      </Stack>
    </form>
  )
}
