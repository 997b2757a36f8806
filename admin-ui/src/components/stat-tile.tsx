import { Card, Group, Text } from '@mantine/core'
import type { Icon } from '@tabler/icons-react'
import type { ReactNode } from 'react'
import { SparkLine } from './spark-line.tsx'

interface StatTileProps {
  title: string
  icon?: Icon
  /** The figure; text is drawn large, a component such as `HeadlineMoney` as it is. */
  value: ReactNode
  /** What the figure means, or what it is compared with. */
  note?: ReactNode
  /** The same figure over time, oldest first. */
  trend?: readonly number[]
}

/** One figure that counts, with its shape over time. */
export function StatTile({ title, icon: Glyph, value, note, trend }: StatTileProps) {
  return (
    <Card component="section" aria-label={title}>
      <Group justify="space-between" gap="xs" wrap="nowrap" mih={28}>
        <Group gap={8} c="dimmed" wrap="nowrap">
          {Glyph ? <Glyph size={17} stroke={1.7} aria-hidden /> : null}
          <Text component="h2" size="sm" fw={600}>
            {title}
          </Text>
        </Group>
        {trend ? <SparkLine values={trend} /> : null}
      </Group>
      <Group mih={44} align="center">
        {typeof value === 'string' || typeof value === 'number' ? (
          <Text component="span" fz={30} fw={650} lh={1.1} className="figures">
            {value}
          </Text>
        ) : (
          value
        )}
      </Group>
      {note ? (
        <Text size="xs" c="dimmed" component="div">
          {note}
        </Text>
      ) : null}
    </Card>
  )
}
