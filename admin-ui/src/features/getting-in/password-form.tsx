import { Button, PasswordInput, Stack } from '@mantine/core'
import { useForm } from '@mantine/form'
import { useEffect, useRef } from 'react'
import { ErrorPanel } from '../../components/error-panel.tsx'
import { leastPasswordCharacters, newPasswordFault } from '../../lib/new-password.ts'

interface PasswordFormProps {
  act: string
  /** For the browser's keeper of passwords: whose it is. */
  email: string
  /** `new`: a password is chosen; `current`: it is known. */
  kind: 'new' | 'current'
  busy: boolean
  error: unknown
  onSubmit: (password: string) => void
}

/** One password and one button. */
export function PasswordForm({ act, email, kind, busy, error, onSubmit }: PasswordFormProps) {
  const input = useRef<HTMLInputElement>(null)
  useEffect(() => input.current?.focus(), [])
  const isNew = kind === 'new'
  const form = useForm({
    initialValues: { password: '' },
    validate: {
      password: (password) =>
        isNew ? newPasswordFault(password) : password === '' ? 'Enter your password' : null,
    },
  })
  return (
    <form noValidate onSubmit={form.onSubmit(({ password }) => onSubmit(password))}>
      <Stack>
        {error ? <ErrorPanel error={error} /> : null}
        <input type="hidden" autoComplete="username" value={email} readOnly />
        <PasswordInput
          label={isNew ? 'New password' : 'Password'}
          description={isNew ? `At least ${leastPasswordCharacters} characters.` : undefined}
          autoComplete={isNew ? 'new-password' : 'current-password'}
          ref={input}
          {...form.getInputProps('password')}
        />
        <Button type="submit" fullWidth loading={busy}>
          {act}
        </Button>
      </Stack>
    </form>
  )
}
