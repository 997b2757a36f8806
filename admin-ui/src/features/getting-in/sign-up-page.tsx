import { Alert, Button, PasswordInput, Stack, TextInput } from '@mantine/core'
import { useForm } from '@mantine/form'
import { IconMailCheck } from '@tabler/icons-react'
import { ErrorPanel } from '../../components/error-panel.tsx'
import { OutsidePage } from '../../components/outside-page.tsx'
import { QueryView } from '../../components/query-view.tsx'
import { leastPasswordCharacters, newPasswordFault } from '../../lib/new-password.ts'
import { MailHint } from './mail-hint.tsx'
import { usePublicSettings, useVisitorPost } from './queries.ts'
import { ToSignIn } from './ways-in.tsx'

interface SignUp {
  name: string
  email: string
  password: string
}

/** An account of one's own, where the gateway lets people make one. */
export function SignUpPage() {
  const settings = usePublicSettings()
  const signUp = useVisitorPost<SignUp>('/api/sign-up')
  const footer = (
    <>
      Have an account? <ToSignIn>Sign in</ToSignIn>
    </>
  )
  if (settings.data?.signUp === 'closed')
    return (
      <OutsidePage
        title="Sign-up is closed"
        lead="On this gateway operators make the accounts. Ask one of them for an invitation."
        footer={footer}
      >
        {null}
      </OutsidePage>
    )
  if (signUp.isSuccess)
    return (
      <OutsidePage title="Look into your mail" lead={`For ${signUp.variables.email}.`} footer={footer}>
        <Alert color="green" icon={<IconMailCheck aria-hidden />} role="status">
          Confirm your address with the link in the mail; it works for 24 hours. Then you are in.
          <MailHint />
        </Alert>
      </OutsidePage>
    )
  return (
    <OutsidePage title="Sign up" lead="To buy model answers from the market." footer={footer}>
      <QueryView query={settings} rows={4}>
        {() => (
          <SignUpForm
            busy={signUp.isPending}
            error={signUp.error}
            onSubmit={(draft) => signUp.mutate(draft)}
          />
        )}
      </QueryView>
    </OutsidePage>
  )
}

function SignUpForm({
  busy,
  error,
  onSubmit,
}: {
  busy: boolean
  error: unknown
  onSubmit: (draft: SignUp) => void
}) {
  const form = useForm<SignUp>({
    initialValues: { name: '', email: '', password: '' },
    validate: {
      name: (name) => (name.trim() === '' ? 'Enter your name' : null),
      email: (email) => (/^\S+@\S+$/.test(email.trim()) ? null : 'Enter your email address'),
      password: newPasswordFault,
    },
  })
  const submit = ({ name, email, password }: SignUp): void =>
    onSubmit({ name: name.trim(), email: email.trim(), password })
  return (
    <form noValidate onSubmit={form.onSubmit(submit)}>
      <Stack>
        {error ? <ErrorPanel error={error} /> : null}
        <TextInput label="Name" autoComplete="name" maxLength={100} {...form.getInputProps('name')} />
        <TextInput label="Email" type="email" autoComplete="username" {...form.getInputProps('email')} />
        <PasswordInput
          label="Password"
          description={`At least ${leastPasswordCharacters} characters.`}
          autoComplete="new-password"
          {...form.getInputProps('password')}
        />
        <Button type="submit" fullWidth loading={busy}>
          Sign up
        </Button>
      </Stack>
    </form>
  )
}
