import { Text } from '@mantine/core'
import type { ReactNode } from 'react'

/** The first cell of a row: what it is, and under it what tells it apart. */
export function TitleCell({ title, children }: { title: string; children?: ReactNode }) {
  return (
    <>
      <Text size="sm" fw={600} style={{ overflowWrap: 'anywhere' }}>
        {title}
      </Text>
      {children ? (
        <Text size="xs" c="dimmed" component="div" style={{ overflowWrap: 'anywhere' }}>
          {children}
        </Text>
      ) : null}
    </>
  )
}
