import type { RequestShown } from '@bourse/gateway/api/analytics'
import { Text } from '@mantine/core'

const count = (tokens: number) => tokens.toLocaleString('en-US')

const sources: Readonly<Record<string, string>> = {
  reported: 'as the upstream reported them, in the range that is possible',
  counted: 'as we counted them, because the upstream reported nothing that could be true',
  clamped: 'as reported, brought down to what we counted',
}

/** What was read and written, in the classes that have prices. */
export function TokensPart({ request: { tokens, usageSource } }: { request: RequestShown }) {
  if (!tokens) return <Text c="dimmed">None were billed.</Text>
  const inputs = [
    [tokens.uncachedInput, 'fresh'],
    [tokens.cacheRead, 'cached'],
    [tokens.cacheWrite, 'written to the cache'],
    [tokens.audioInput, 'of audio'],
  ].filter(([tokensOf]) => tokensOf !== 0)
  return (
    <>
      <Text className="figures" style={{ whiteSpace: 'normal' }}>
        Input {count(tokens.input)}
        {inputs.length > 1 || tokens.cacheRead > 0
          ? ` = ${inputs.map(([tokensOf, name]) => `${count(Number(tokensOf))} ${name}`).join(' + ')}`
          : ''}
        {' · '}output {count(tokens.output)}
        {tokens.reasoning > 0 ? ` (${count(tokens.reasoning)} reasoning)` : ''}
      </Text>
      {usageSource ? (
        <Text size="sm" c="dimmed" mt={4}>
          Billed {sources[usageSource] ?? usageSource}.
        </Text>
      ) : null}
    </>
  )
}
