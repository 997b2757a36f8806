import { Drawer } from '@mantine/core'
import { type ReactNode, useRef } from 'react'

interface DetailDrawerProps {
  title: string
  opened: boolean
  onClose: () => void
  children: ReactNode
}

/**
 * Detail beside a list that stays in sight. The page keeps in its address what is open; the focus goes back to the
 * row that was opened.
 */
export function DetailDrawer({ title, opened, onClose, children }: DetailDrawerProps) {
  // While it slides away it still shows what it showed.
  const shown = useRef({ title, children })
  if (opened) shown.current = { title, children }
  return (
    <Drawer opened={opened} onClose={onClose} position="right" size="xl" title={shown.current.title}>
      {shown.current.children}
    </Drawer>
  )
}
