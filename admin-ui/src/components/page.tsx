import { Box, Group, Stack, Text, Title } from '@mantine/core'
import { useDocumentTitle } from '@mantine/hooks'
import type { ReactNode } from 'react'

interface PageProps {
  title: string
  /** One sentence: which question this page answers. */
  lead: string
  actions?: ReactNode
  children: ReactNode
}

/** The frame of a page: its title (also of the browser's tab), what it is for, and what can be done. */
export function Page({ title, lead, actions, children }: PageProps) {
  useDocumentTitle(`${title} · Bourse`)
  return (
    <Stack gap="lg">
      <Group justify="space-between" align="flex-end" gap="md">
        <Box maw={720}>
          <Title order={1} size="h2">
            {title}
          </Title>
          <Text c="dimmed" mt={4}>
            {lead}
          </Text>
        </Box>
        {actions}
      </Group>
      {children}
    </Stack>
  )
}
