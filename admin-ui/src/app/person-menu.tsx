import { Avatar, Menu, Text, UnstyledButton } from '@mantine/core'
import { notifications } from '@mantine/notifications'
import { IconLogout } from '@tabler/icons-react'
import { toApiError } from '../lib/api-error.ts'
import { usePerson, useServices } from '../lib/services.ts'

/** Who is signed in, and the way out. */
export function PersonMenu() {
  const { session } = useServices()
  const person = usePerson()
  if (!person) return null
  const signOut = (): void => {
    session.signOut().catch((error: unknown) => {
      notifications.show({ color: 'red', title: 'Still signed in', message: toApiError(error).message })
    })
  }
  return (
    <Menu position="bottom-end" width={240}>
      <Menu.Target>
        <UnstyledButton aria-label={`Signed in as ${person.email}`} style={{ borderRadius: '50%' }}>
          <Avatar size={34} radius="xl" color="indigo" variant="light">
            {initialsOf(person.name)}
          </Avatar>
        </UnstyledButton>
      </Menu.Target>
      <Menu.Dropdown>
        <Text size="sm" fw={600} px="sm" pt={6} truncate>
          {person.name}
        </Text>
        <Text size="xs" c="dimmed" px="sm" pb={8} style={{ overflowWrap: 'anywhere' }}>
          {person.email}
        </Text>
        <Menu.Divider />
        <Menu.Item leftSection={<IconLogout size={16} aria-hidden />} onClick={signOut}>
          Sign out
        </Menu.Item>
      </Menu.Dropdown>
    </Menu>
  )
}

function initialsOf(name: string): string {
  const words = name.trim().split(/\s+/)
  const letters =
    words.length > 1 ? `${words[0]?.[0] ?? ''}${words.at(-1)?.[0] ?? ''}` : (words[0] ?? '').slice(0, 2)
  return letters.toUpperCase()
}
