import { Anchor, Card, Stack, Tabs, Text, Title } from '@mantine/core'
import { Link } from '@tanstack/react-router'
import { CodeBlock, CopyLine } from '../../components/code-block.tsx'
import { isOnOffer, type MarketModel, useModels } from '../market/queries.ts'
import { snippets } from './snippets.ts'

const familiarModel = 'openai/gpt-4o-mini'

/** The base URL and a first request that works, with a model that is on offer now. */
export function ConnectCard() {
  const models = useModels()
  const place = { baseUrl: `${window.location.origin}/v1`, model: modelToShow(models.data ?? []) }
  return (
    <Card component="section" aria-labelledby="connect">
      <Stack gap="md">
        <div>
          <Title order={2} size="h4" id="connect">
            Connect a client
          </Title>
          <Text size="sm" c="dimmed" mt={4}>
            Any OpenAI client works: change its base URL and its key, nothing else. The key comes from{' '}
            <Anchor component={Link} to="/keys" underline="always" inherit>
              Keys
            </Anchor>
            .
          </Text>
        </div>
        <Stack gap={6}>
          <Text size="sm" fw={600}>
            Base URL
          </Text>
          <CopyLine value={place.baseUrl} label="base URL" />
        </Stack>
        <Tabs defaultValue="curl" keepMounted={false}>
          <Tabs.List aria-label="A first request in your language">
            {snippets.map((snippet) => (
              <Tabs.Tab key={snippet.id} value={snippet.id}>
                {snippet.label}
              </Tabs.Tab>
            ))}
          </Tabs.List>
          {snippets.map((snippet) => (
            <Tabs.Panel key={snippet.id} value={snippet.id} pt="md">
              <CodeBlock code={snippet.code(place)} label={`${snippet.label} snippet`} />
            </Tabs.Panel>
          ))}
        </Tabs>
      </Stack>
    </Card>
  )
}

function modelToShow(models: readonly MarketModel[]): string {
  const ready = models.filter(isOnOffer)
  return (ready.find((model) => model.id === familiarModel) ?? ready[0])?.id ?? familiarModel
}
