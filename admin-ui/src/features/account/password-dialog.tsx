import { Modal, PasswordInput, Stack, Text } from '@mantine/core'
import { type FormEvent, type ReactNode, useState } from 'react'
import { FormActions } from '../../components/form-actions.tsx'

interface PasswordDialogProps {
  opened: boolean
  title: string
  act: string
  why: string
  busy: boolean
  error: unknown
  onSubmit: (password: string) => void
  onClose: () => void
  /** Shown in place of the form, when it was answered. */
  children?: ReactNode
}

/** Asks for the password once more before something that weakens the account or opens it. */
export function PasswordDialog({ opened, title, onClose, children, ...form }: PasswordDialogProps) {
  const isAnswered = Boolean(children)
  return (
    <Modal
      opened={opened}
      onClose={onClose}
      closeOnClickOutside={!isAnswered}
      closeOnEscape={!isAnswered}
      title={<Text fw={650}>{title}</Text>}
    >
      {children || <PasswordQuestion {...form} onCancel={onClose} />}
    </Modal>
  )
}

interface PasswordQuestionProps {
  act: string
  why: string
  busy: boolean
  error: unknown
  onSubmit: (password: string) => void
  onCancel: () => void
}

export function PasswordQuestion({ act, why, busy, error, onSubmit, onCancel }: PasswordQuestionProps) {
  const [password, setPassword] = useState('')
  const [fault, setFault] = useState<string>()
  const submit = (event: FormEvent): void => {
    event.preventDefault()
    if (password === '') setFault('Enter your password')
    else onSubmit(password)
  }
  return (
    <form noValidate onSubmit={submit}>
      <Stack>
        <Text size="sm">{why}</Text>
        <PasswordInput
          label="Your password"
          autoComplete="current-password"
          data-autofocus
          value={password}
          error={fault}
          onChange={({ currentTarget }) => {
            setPassword(currentTarget.value)
            setFault(undefined)
          }}
        />
        <FormActions act={act} busy={busy} error={error} onCancel={onCancel} />
      </Stack>
    </form>
  )
}
