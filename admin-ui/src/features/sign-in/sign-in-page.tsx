import type { PublicSettings } from '@bourse/gateway/api/users'
import { Anchor, Button, PasswordInput, Stack, TextInput } from '@mantine/core'
import { useForm } from '@mantine/form'
import { useMutation } from '@tanstack/react-query'
import { Link, useRouter, useSearch } from '@tanstack/react-router'
import { useEffect, useRef, useState } from 'react'
import { ErrorPanel } from '../../components/error-panel.tsx'
import { OutsidePage } from '../../components/outside-page.tsx'
import { toApiError } from '../../lib/api-error.ts'
import { useServices } from '../../lib/services.ts'
import { useRead } from '../../lib/use-read.ts'
import { CodeForm } from './code-form.tsx'

interface Credentials {
  email: string
  password: string
  code?: string
}

/** Email and password, a code where the account asks for one, then the page that was asked for. */
export function SignInPage() {
  const { session } = useServices()
  const router = useRouter()
  const { next } = useSearch({ from: '/sign-in' })
  const [known, setKnown] = useState<Credentials>()
  const signIn = useMutation({
    mutationFn: ({ email, password, code }: Credentials) => session.signIn(email, password, code),
    onSuccess: () => router.navigate({ href: `/console${next ?? '/'}`, replace: true }),
    onError: (error, credentials) => {
      if (toApiError(error).details.code === 'two_factor_required') setKnown(credentials)
    },
  })
  const isAsked = known !== undefined
  const error =
    signIn.isError && toApiError(signIn.error).details.code !== 'two_factor_required' ? signIn.error : null

  if (isAsked) {
    const startAgain = (): void => {
      signIn.reset()
      setKnown(undefined)
    }
    return (
      <OutsidePage title="Enter your code" lead={`The password of ${known.email} was right.`}>
        <CodeForm
          busy={signIn.isPending}
          error={error}
          onSubmit={(code) => signIn.mutate({ ...known, code })}
          onBack={startAgain}
        />
      </OutsidePage>
    )
  }
  return (
    <OutsidePage title="Sign in" lead="To your keys, your balance and the market." footer={<OtherWays />}>
      <PasswordForm busy={signIn.isPending} error={error} onSubmit={(values) => signIn.mutate(values)} />
    </OutsidePage>
  )
}

interface PasswordFormProps {
  busy: boolean
  error: unknown
  onSubmit: (credentials: Credentials) => void
}

function PasswordForm({ busy, error, onSubmit }: PasswordFormProps) {
  const email = useRef<HTMLInputElement>(null)
  // Nothing else is on this page: who comes here can type at once.
  useEffect(() => email.current?.focus(), [])
  const form = useForm({
    initialValues: { email: '', password: '' },
    validate: {
      email: (value) => (/^\S+@\S+$/.test(value.trim()) ? null : 'Enter the email address of your account'),
      password: (value) => (value === '' ? 'Enter your password' : null),
    },
  })
  // The form's own function is a new one at each keystroke: as a dependency it would empty the field while one types.
  const setFieldValue = useRef(form.setFieldValue)
  setFieldValue.current = form.setFieldValue
  useEffect(() => {
    if (error) setFieldValue.current('password', '')
  }, [error])
  return (
    <form
      noValidate
      onSubmit={form.onSubmit((values) => onSubmit({ ...values, email: values.email.trim() }))}
    >
      <Stack>
        {error ? <ErrorPanel error={error} /> : null}
        <TextInput
          label="Email"
          type="email"
          autoComplete="username"
          ref={email}
          {...form.getInputProps('email')}
        />
        <PasswordInput label="Password" autoComplete="current-password" {...form.getInputProps('password')} />
        <Button type="submit" fullWidth loading={busy}>
          Sign in
        </Button>
        <Anchor component={Link} to="/reset" size="sm" ta="center">
          Forgot your password?
        </Anchor>
      </Stack>
    </form>
  )
}

function OtherWays() {
  const settings = useRead<PublicSettings>('/api/public-settings')
  if (settings.data?.signUp === 'open')
    return (
      <>
        No account yet?{' '}
        <Anchor component={Link} to="/sign-up" inherit underline="always">
          Sign up
        </Anchor>
      </>
    )
  return (
    <>
      No account yet? An operator of this gateway invites you. A fresh installation prints its first login
      when it starts.
    </>
  )
}
