import { Card, Center, Group, Stack, Text, Title } from '@mantine/core'
import { useDocumentTitle } from '@mantine/hooks'
import type { ReactNode } from 'react'
import { Logo } from './logo.tsx'
import { ThemeSwitch } from './theme-switch.tsx'

interface OutsidePageProps {
  title: string
  lead: ReactNode
  children: ReactNode
  /** Ways to other such pages. */
  footer?: ReactNode
}

/** The frame of a page for people who are not signed in: one card, one thing to do. */
export function OutsidePage({ title, lead, children, footer }: OutsidePageProps) {
  useDocumentTitle(`${title} · Bourse`)
  return (
    <Center component="main" mih="100vh" p="md">
      <Stack w="100%" maw={420} gap="lg">
        <Group justify="space-between">
          <Group gap={10}>
            <Logo size={34} />
            <Text fw={700} fz={20}>
              Bourse
            </Text>
          </Group>
          <ThemeSwitch />
        </Group>
        <Card padding="xl">
          <Stack>
            <div>
              <Title order={1} size="h3">
                {title}
              </Title>
              <Text c="dimmed" size="sm" mt={4} style={{ overflowWrap: 'anywhere' }}>
                {lead}
              </Text>
            </div>
            {children}
          </Stack>
        </Card>
        {footer ? (
          <Text c="dimmed" size="sm" ta="center" component="div">
            {footer}
          </Text>
        ) : null}
      </Stack>
    </Center>
  )
}
