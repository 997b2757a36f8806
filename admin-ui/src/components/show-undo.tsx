import { Button, Group, Text } from '@mantine/core'
import { notifications } from '@mantine/notifications'

/** Time to notice a slip of the hand. */
const shownForMs = 10_000

/** Says what just happened, with the way back. */
export function showUndo({ message, onUndo }: { message: string; onUndo: () => void }): void {
  const id = notifications.show({
    autoClose: shownForMs,
    withBorder: true,
    message: (
      <Group justify="space-between" gap="sm" wrap="nowrap">
        <Text size="sm">{message}</Text>
        <Button
          size="xs"
          variant="default"
          onClick={() => {
            notifications.hide(id)
            onUndo()
          }}
        >
          Undo
        </Button>
      </Group>
    ),
  })
}
