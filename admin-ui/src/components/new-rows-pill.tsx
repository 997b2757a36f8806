import { Box, Button } from '@mantine/core'
import { IconArrowUp } from '@tabler/icons-react'

/** What arrived since the list was drawn waits under this pill, so that nothing moves under a reader's eyes. */
export function NewRowsPill({ count, onShow }: { count: number; onShow: () => void }) {
  return (
    <Box aria-live="polite" ta="center">
      {count > 0 ? (
        <Button
          size="xs"
          radius="xl"
          variant="light"
          leftSection={<IconArrowUp size={14} aria-hidden />}
          onClick={onShow}
        >
          {count} new
        </Button>
      ) : null}
    </Box>
  )
}
