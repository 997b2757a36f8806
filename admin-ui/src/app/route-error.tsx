import { Anchor, Container, Stack, Text, Title } from '@mantine/core'
import { useDocumentTitle } from '@mantine/hooks'
import { type ErrorComponentProps, Link, useRouter } from '@tanstack/react-router'
import { ErrorPanel } from '../components/error-panel.tsx'

/** A page that could not be shown at all: the session is unknown, or its code did not arrive. */
export function RouteError({ error, reset }: ErrorComponentProps) {
  const router = useRouter()
  const retry = (): void => {
    reset()
    void router.invalidate()
  }
  return (
    <Container size="sm" py={80}>
      <Stack>
        <Title order={1} size="h3">
          This page cannot be shown
        </Title>
        <ErrorPanel error={error} onRetry={retry} />
      </Stack>
    </Container>
  )
}

export function NotFound() {
  useDocumentTitle('Not found · Bourse')
  return (
    <Container size="sm" py={80}>
      <Stack gap="xs">
        <Title order={1} size="h3">
          No page here
        </Title>
        <Text c="dimmed">The address may be old or mistyped.</Text>
        <Anchor component={Link} to="/" underline="always" w="fit-content">
          Go to the overview
        </Anchor>
      </Stack>
    </Container>
  )
}
