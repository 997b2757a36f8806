import { Badge, Group } from '@mantine/core'

/** What somebody may do here; everyone owns what is theirs, so that goes without saying. */
export function RolesCell({ roles }: { roles: readonly string[] }) {
  const said = roles.filter((role) => role !== 'owner')
  if (said.length === 0) return <>none</>
  return (
    <Group gap={6}>
      {said.map((role) => (
        <Badge key={role} color={role === 'operator' ? 'indigo' : 'gray'}>
          {role}
        </Badge>
      ))}
    </Group>
  )
}
