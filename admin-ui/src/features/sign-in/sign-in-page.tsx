import { Button, Card, Center, Group, PasswordInput, Stack, Text, TextInput, Title } from '@mantine/core'
import { useForm } from '@mantine/form'
import { useDocumentTitle } from '@mantine/hooks'
import { useMutation } from '@tanstack/react-query'
import { useRouter, useSearch } from '@tanstack/react-router'
import { useEffect, useRef } from 'react'
import { ErrorPanel } from '../../components/error-panel.tsx'
import { Logo } from '../../components/logo.tsx'
import { ThemeSwitch } from '../../components/theme-switch.tsx'
import { useServices } from '../../lib/services.ts'

/** Email and password, then the page that was asked for. */
export function SignInPage() {
  useDocumentTitle('Sign in · Bourse')
  const { session } = useServices()
  const router = useRouter()
  const { next } = useSearch({ from: '/sign-in' })
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
  const signIn = useMutation({
    mutationFn: ({ email, password }: { email: string; password: string }) =>
      session.signIn(email.trim(), password),
    onSuccess: () => router.navigate({ href: `/console${next ?? '/'}`, replace: true }),
    onError: () => form.setFieldValue('password', ''),
  })

  return (
    <Center component="main" mih="100vh" p="md">
      <Stack w="100%" maw={400} gap="lg">
        <Heading />
        <Card padding="xl">
          <form noValidate onSubmit={form.onSubmit((values) => signIn.mutate(values))}>
            <Stack>
              <div>
                <Title order={1} size="h3">
                  Sign in
                </Title>
                <Text c="dimmed" size="sm" mt={4}>
                  To your keys, your balance and the market.
                </Text>
              </div>
              {signIn.isError ? <ErrorPanel error={signIn.error} /> : null}
              <TextInput
                label="Email"
                type="email"
                autoComplete="username"
                ref={email}
                {...form.getInputProps('email')}
              />
              <PasswordInput
                label="Password"
                autoComplete="current-password"
                {...form.getInputProps('password')}
              />
              <Button type="submit" fullWidth loading={signIn.isPending}>
                Sign in
              </Button>
            </Stack>
          </form>
        </Card>
        <Text c="dimmed" size="sm" ta="center">
          No account yet? An operator of this gateway creates it for you. A fresh installation prints its
          first login when it starts.
        </Text>
      </Stack>
    </Center>
  )
}

function Heading() {
  return (
    <Group justify="space-between">
      <Group gap={10}>
        <Logo size={34} />
        <Text fw={700} fz={20}>
          Bourse
        </Text>
      </Group>
      <ThemeSwitch />
    </Group>
  )
}
