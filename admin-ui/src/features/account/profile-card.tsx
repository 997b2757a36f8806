import { Badge, Button, Group, Stack, TextInput } from '@mantine/core'
import { useForm } from '@mantine/form'
import { notifications } from '@mantine/notifications'
import { ErrorPanel } from '../../components/error-panel.tsx'
import { Facts } from '../../components/facts.tsx'
import { usePerson, useServices } from '../../lib/services.ts'
import { useRename } from './queries.ts'
import { SectionCard } from './section-card.tsx'

export function ProfileCard() {
  const { session } = useServices()
  const person = usePerson()
  const rename = useRename()
  const form = useForm({
    initialValues: { name: person?.name ?? '' },
    validate: { name: (name) => (name.trim() === '' ? 'Enter your name' : null) },
  })
  if (!person) return null
  const roles = person.roles.filter((role) => role !== 'owner')
  const submit = ({ name }: { name: string }): void =>
    rename.mutate(name.trim(), {
      onSuccess: () => {
        notifications.show({ color: 'green', message: 'Your name is changed.' })
        // The name is also in the corner of every page.
        void session.renewToken()
      },
    })
  return (
    <SectionCard title="Profile" lead="An operator can change your address and your roles.">
      <Facts
        facts={[
          { name: 'Email', value: person.email },
          {
            name: 'Roles',
            value: (
              <Group gap={6}>
                {roles.map((role) => (
                  <Badge key={role} color={role === 'operator' ? 'indigo' : 'gray'}>
                    {role}
                  </Badge>
                ))}
              </Group>
            ),
          },
          { name: 'Organisation', value: <code>{person.organisationId}</code> },
        ]}
      />
      <form noValidate onSubmit={form.onSubmit(submit)}>
        <Stack maw={420}>
          <TextInput label="Name" autoComplete="name" maxLength={100} {...form.getInputProps('name')} />
          {rename.isError ? <ErrorPanel error={rename.error} /> : null}
          <Button type="submit" variant="default" w="fit-content" loading={rename.isPending}>
            Change name
          </Button>
        </Stack>
      </form>
    </SectionCard>
  )
}
