import { Alert, Anchor, Button, Stack, TextInput } from '@mantine/core'
import { useForm } from '@mantine/form'
import { IconMailCheck } from '@tabler/icons-react'
import { Link } from '@tanstack/react-router'
import { ErrorPanel } from '../../components/error-panel.tsx'
import { OutsidePage } from '../../components/outside-page.tsx'
import { QueryView } from '../../components/query-view.tsx'
import { MailHint } from './mail-hint.tsx'
import { PasswordForm } from './password-form.tsx'
import { useLinkTarget, useVisitorPost } from './queries.ts'
import { useToken } from './use-token.ts'
import { ToSignIn } from './ways-in.tsx'

/** Asks for the mail with the link; with the link, chooses the new password. */
export function ResetPage() {
  const token = useToken()
  return token === undefined ? <AskForLink /> : <ChoosePassword token={token} />
}

function AskForLink() {
  const ask = useVisitorPost<{ email: string }>('/api/password-reset')
  const form = useForm({
    initialValues: { email: '' },
    validate: {
      email: (value) => (/^\S+@\S+$/.test(value.trim()) ? null : 'Enter the email address of your account'),
    },
  })
  return (
    <OutsidePage
      title="Forgot your password?"
      lead="We send you a link to choose a new one."
      footer={<ToSignIn>Back to sign in</ToSignIn>}
    >
      {ask.isSuccess ? (
        <Alert color="green" icon={<IconMailCheck aria-hidden />} role="status" title="Look into your mail">
          If {form.values.email.trim()} has an account here, a link is on its way. It works for an hour.
          <MailHint />
        </Alert>
      ) : (
        <form noValidate onSubmit={form.onSubmit(({ email }) => ask.mutate({ email: email.trim() }))}>
          <Stack>
            {ask.isError ? <ErrorPanel error={ask.error} /> : null}
            <TextInput label="Email" type="email" autoComplete="username" {...form.getInputProps('email')} />
            <Button type="submit" fullWidth loading={ask.isPending}>
              Send the link
            </Button>
          </Stack>
        </form>
      )}
    </OutsidePage>
  )
}

function ChoosePassword({ token }: { token: string }) {
  const target = useLinkTarget('reset', token)
  const reset = useVisitorPost<{ token: string; password: string }>('/api/password-reset/confirm')
  if (reset.isSuccess)
    return (
      <OutsidePage title="Your password is changed" lead="All sessions have ended. Sign in with the new one.">
        <Button component={Link} to="/sign-in" fullWidth>
          Sign in
        </Button>
      </OutsidePage>
    )
  return (
    <OutsidePage
      title="Choose a new password"
      lead={
        target.data
          ? `For ${target.data.email}. All your sessions end.`
          : target.isError
            ? 'The link did not open.'
            : 'One moment.'
      }
      footer={
        <Anchor component={Link} to="/reset" inherit underline="always" reloadDocument>
          Ask for a new link
        </Anchor>
      }
    >
      <QueryView query={target} rows={2}>
        {({ email }) => (
          <PasswordForm
            act="Change password"
            kind="new"
            email={email}
            busy={reset.isPending}
            error={reset.error}
            onSubmit={(password) => reset.mutate({ token, password })}
          />
        )}
      </QueryView>
    </OutsidePage>
  )
}
