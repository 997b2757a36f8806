import { Button, Stack, TextInput } from '@mantine/core'
import { useEffect, useRef, useState } from 'react'
import { ErrorPanel } from '../../components/error-panel.tsx'

interface CodeFormProps {
  busy: boolean
  error: unknown
  onSubmit: (code: string) => void
  onBack: () => void
}

/** The second step: a code of the authenticator app, or a backup code. */
export function CodeForm({ busy, error, onSubmit, onBack }: CodeFormProps) {
  const [code, setCode] = useState('')
  const [fault, setFault] = useState<string>()
  const input = useRef<HTMLInputElement>(null)
  useEffect(() => input.current?.focus(), [])
  useEffect(() => {
    if (error) setCode('')
  }, [error])
  const submit = (event: React.FormEvent): void => {
    event.preventDefault()
    if (code.trim() === '') setFault('Enter the six digits of your app, or a backup code')
    else onSubmit(code.trim())
  }
  return (
    <form noValidate onSubmit={submit}>
      <Stack>
        {error ? <ErrorPanel error={error} /> : null}
        <TextInput
          label="Code"
          description="Six digits of your authenticator app, or one of your backup codes."
          autoComplete="one-time-code"
          maxLength={64}
          ref={input}
          value={code}
          error={fault}
          onChange={({ currentTarget }) => {
            setCode(currentTarget.value)
            setFault(undefined)
          }}
        />
        <Button type="submit" fullWidth loading={busy}>
          Sign in
        </Button>
        <Button variant="subtle" onClick={onBack}>
          Use another account
        </Button>
      </Stack>
    </form>
  )
}
