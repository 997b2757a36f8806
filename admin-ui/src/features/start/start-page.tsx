import { Alert, Anchor, Card, NativeSelect, Stack, Text, Title } from '@mantine/core'
import { Link } from '@tanstack/react-router'
import { type ReactNode, useState } from 'react'
import { CodeBlock, CopyLine } from '../../components/code-block.tsx'
import { Page } from '../../components/page.tsx'
import { QueryView } from '../../components/query-view.tsx'
import { UrlTabs } from '../../components/url-tabs.tsx'
import { usePageSearch } from '../../lib/use-page-search.ts'
import { CreateKeyStep } from './create-key-step.tsx'
import { FirstRequest } from './first-request.tsx'
import { modelToShow, useModelsOnOffer } from './queries.ts'
import { exportLine, type Place, snippets } from './snippets.ts'

/** How do I send my first request? */
export function StartPage() {
  const [key, setKey] = useState<string>()
  return (
    <Page title="Get started" lead="Any OpenAI client works: change its base URL and its key, nothing else.">
      <Step number={1} title="A key">
        <CreateKeyStep secret={key} onCreated={setKey} />
      </Step>
      <Step number={2} title="A request">
        <Snippets secret={key} />
      </Step>
      <Step number={3} title="Its answer, its cost, and why this seller">
        <FirstRequest />
      </Step>
    </Page>
  )
}

function Step({ number, title, children }: { number: number; title: string; children: ReactNode }) {
  return (
    <Card component="section" aria-label={`Step ${number}: ${title}`}>
      <Title order={2} size="h4" mb="md">
        <Text component="span" inherit c="dimmed">
          {number}
        </Text>{' '}
        {title}
      </Title>
      {children}
    </Card>
  )
}

function Snippets({ secret }: { secret: string | undefined }) {
  const models = useModelsOnOffer()
  const { search, set } = usePageSearch()
  const baseUrl = `${window.location.origin}/v1`
  return (
    <QueryView query={models} rows={8}>
      {({ data }) => {
        const model = data.find(({ id }) => id === search.model)?.id ?? modelToShow(data)
        if (model === undefined)
          return (
            <Alert color="yellow" title="No model is on offer">
              Nobody sells a model here yet, so no request can be answered. An operator or a seller has to add
              a listing first.
            </Alert>
          )
        return (
          <Stack>
            <div>
              <Text size="sm" fw={600} mb={4}>
                Base URL
              </Text>
              <CopyLine value={baseUrl} label="base URL" />
            </div>
            <NativeSelect
              label="Model"
              maw={420}
              data={data.map(({ id }) => id)}
              value={model}
              onChange={(event) => set({ model: event.currentTarget.value })}
            />
            <UrlTabs
              label="A first request in your language or program"
              name="with"
              tabs={snippets.map((snippet) => ({
                id: snippet.id,
                label: snippet.label,
                content: () => <SnippetView snippet={snippet} place={{ baseUrl, model, key: secret }} />,
              }))}
            />
          </Stack>
        )
      }}
    </QueryView>
  )
}

function SnippetView({ snippet, place }: { snippet: (typeof snippets)[number]; place: Place }) {
  return (
    <Stack gap="sm">
      {snippet.before ? <CodeBlock code={snippet.before} label={`${snippet.label} installation`} /> : null}
      {place.key === undefined ? <CodeBlock code={exportLine} label="environment variable" /> : null}
      <CodeBlock code={snippet.code(place)} label={`${snippet.label} snippet`} />
      {place.key === undefined ? (
        <Text size="sm" c="dimmed">
          The snippet reads the key from the environment. A key that you create above is written into it; keys
          that you have already are under{' '}
          <Anchor component={Link} to="/keys" underline="always" inherit>
            Keys
          </Anchor>
          .
        </Text>
      ) : (
        <Text size="sm" c="dimmed">
          The snippet holds your key. In a program, keep it in the environment or a secret store.
        </Text>
      )}
    </Stack>
  )
}
