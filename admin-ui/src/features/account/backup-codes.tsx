import { Alert, Button, Group, SimpleGrid, Stack, Text } from '@mantine/core'
import { IconEyeOff } from '@tabler/icons-react'
import { CopyButton } from '../../components/copy-button.tsx'

/** The codes for a lost phone, once. */
export function BackupCodes({ codes, onDone }: { codes: readonly string[]; onDone: () => void }) {
  return (
    <Stack>
      <Alert color="yellow" icon={<IconEyeOff aria-hidden />} title="Shown only now">
        If you lose your app, one of these signs you in, each of them once. Keep them where your phone is not.
      </Alert>
      <SimpleGrid
        component="ul"
        cols={{ base: 1, xs: 2 }}
        spacing={6}
        p={0}
        m={0}
        style={{ listStyle: 'none' }}
      >
        {codes.map((code) => (
          <li key={code}>
            <Text ff="monospace" size="sm">
              {code}
            </Text>
          </li>
        ))}
      </SimpleGrid>
      <Group justify="space-between">
        <CopyButton value={codes.join('\n')} label="Copy backup codes" text="Copy all" />
        <Button onClick={onDone}>I have stored them</Button>
      </Group>
    </Stack>
  )
}
