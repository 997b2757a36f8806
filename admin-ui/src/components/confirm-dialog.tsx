import { Button, Group, Modal, Stack, Text } from '@mantine/core'
import type { ReactNode } from 'react'
import { ErrorPanel } from './error-panel.tsx'

interface ConfirmDialogProps {
  opened: boolean
  /** Names what is destroyed: `Revoke "laptop"?`. */
  title: string
  /** What happens then, and whether it can be undone. */
  children: ReactNode
  confirm: string
  busy: boolean
  error: unknown
  onConfirm: () => void
  onClose: () => void
}

/** Asks before something that cannot be undone. The safe choice has the focus. */
export function ConfirmDialog(props: ConfirmDialogProps) {
  return (
    <Modal opened={props.opened} onClose={props.onClose} title={props.title} size="md">
      <Stack>
        <Text size="sm">{props.children}</Text>
        {props.error ? <ErrorPanel error={props.error} /> : null}
        <Group justify="flex-end">
          <Button variant="default" onClick={props.onClose} data-autofocus>
            Keep it
          </Button>
          <Button color="red.9" loading={props.busy} onClick={props.onConfirm}>
            {props.confirm}
          </Button>
        </Group>
      </Stack>
    </Modal>
  )
}
