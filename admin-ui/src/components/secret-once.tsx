import { Alert, Button, Group, Stack, Text } from '@mantine/core'
import { IconEyeOff } from '@tabler/icons-react'
import type { ReactNode } from 'react'
import { CopyLine } from './code-block.tsx'

interface SecretOnceProps {
  secret: string
  /** What it is, for the copy button: `API key`. */
  label: string
  /** What to do with it. */
  children: ReactNode
  onDone: () => void
}

/** A secret that the gateway cannot show again: copy it, then say that it is stored. */
export function SecretOnce({ secret, label, children, onDone }: SecretOnceProps) {
  return (
    <Stack>
      <Alert color="yellow" icon={<IconEyeOff aria-hidden />} title="Shown only now">
        {children}
      </Alert>
      <CopyLine value={secret} label={label} />
      <Group justify="space-between">
        <Text size="sm" c="dimmed">
          Closing this hides it for good.
        </Text>
        <Button onClick={onDone}>I have stored it</Button>
      </Group>
    </Stack>
  )
}
