import { Card, Stack, Text, Title } from '@mantine/core'
import { type ReactNode, useId } from 'react'

/** A part of the page with its own heading. */
export function SectionCard({ title, lead, children }: { title: string; lead: string; children: ReactNode }) {
  const id = useId()
  return (
    <Card component="section" aria-labelledby={id} padding="lg">
      <Stack>
        <div>
          <Title order={2} size="h4" id={id}>
            {title}
          </Title>
          <Text c="dimmed" size="sm" mt={2}>
            {lead}
          </Text>
        </div>
        {children}
      </Stack>
    </Card>
  )
}
