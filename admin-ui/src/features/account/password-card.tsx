import { Button, PasswordInput, Stack } from '@mantine/core'
import { useForm } from '@mantine/form'
import { notifications } from '@mantine/notifications'
import { ErrorPanel } from '../../components/error-panel.tsx'
import { leastPasswordCharacters, newPasswordFault } from '../../lib/new-password.ts'
import { usePerson } from '../../lib/services.ts'
import { useChangePassword } from './queries.ts'
import { SectionCard } from './section-card.tsx'

export function PasswordCard() {
  const person = usePerson()
  const change = useChangePassword()
  const form = useForm({
    initialValues: { currentPassword: '', newPassword: '' },
    validate: {
      currentPassword: (password) => (password === '' ? 'Enter your current password' : null),
      newPassword: newPasswordFault,
    },
  })
  const submit = (values: typeof form.values): void =>
    change.mutate(values, {
      onSuccess: () => {
        form.reset()
        notifications.show({
          color: 'green',
          title: 'Your password is changed',
          message: 'You were signed out everywhere else.',
        })
      },
    })
  return (
    <SectionCard title="Password" lead="Changing it signs you out everywhere else.">
      <form noValidate onSubmit={form.onSubmit(submit)}>
        <Stack maw={420}>
          <input type="hidden" autoComplete="username" value={person?.email ?? ''} readOnly />
          <PasswordInput
            label="Current password"
            autoComplete="current-password"
            {...form.getInputProps('currentPassword')}
          />
          <PasswordInput
            label="New password"
            description={`At least ${leastPasswordCharacters} characters.`}
            autoComplete="new-password"
            {...form.getInputProps('newPassword')}
          />
          {change.isError ? <ErrorPanel error={change.error} /> : null}
          <Button type="submit" variant="default" w="fit-content" loading={change.isPending}>
            Change password
          </Button>
        </Stack>
      </form>
    </SectionCard>
  )
}
