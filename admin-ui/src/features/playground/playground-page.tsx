import { Button, Card, Group, Stack, Text, Textarea } from '@mantine/core'
import { IconPlayerStop, IconSend } from '@tabler/icons-react'
import { type KeyboardEvent, useState } from 'react'
import { Page } from '../../components/page.tsx'
import { usePageSearch } from '../../lib/use-page-search.ts'
import { modelToShow, useModelsOnOffer } from '../start/queries.ts'
import { Conversation } from './conversation.tsx'
import { type HeldKey, KeyChoice } from './key-choice.tsx'
import { Settings, type SettingValues } from './settings.tsx'
import { useChat } from './use-chat.ts'

/** What does a model answer, what does it cost, and who served it? */
export function PlaygroundPage() {
  const models = useModelsOnOffer()
  const { search, set } = usePageSearch()
  const [key, setKey] = useState<HeldKey>()
  const [values, setValues] = useState<SettingValues>({ system: '', temperature: '', maxTokens: '' })
  const chat = useChat()
  const ids = (models.data?.data ?? []).map(({ id }) => id)
  const model = search.model ?? modelToShow(models.data?.data ?? [])
  const send = (question: string): void => {
    if (!key || model === undefined) return
    const number = (value: number | string): number | undefined =>
      typeof value === 'number' ? value : undefined
    chat.ask(question, {
      key: key.secret,
      model,
      system: values.system,
      temperature: number(values.temperature),
      maxTokens: number(values.maxTokens),
    })
  }
  return (
    <Page
      title="Playground"
      lead="Try a model through the same door as your programs; every answer shows what it cost."
      actions={
        chat.turns.length > 0 ? (
          <Button variant="default" onClick={chat.clear}>
            New conversation
          </Button>
        ) : null
      }
    >
      <Card component="section" aria-label="Settings">
        <Stack>
          <KeyChoice held={key} onHeld={setKey} />
          <Settings
            models={ids}
            model={model}
            onModel={(chosen) => set({ model: chosen })}
            values={values}
            onValues={setValues}
          />
        </Stack>
      </Card>
      {chat.turns.length > 0 ? <Conversation turns={chat.turns} /> : null}
      <Composer
        ready={key !== undefined && model !== undefined}
        running={chat.isRunning}
        onSend={send}
        onStop={chat.stop}
      />
    </Page>
  )
}

interface ComposerProps {
  ready: boolean
  running: boolean
  onSend: (question: string) => void
  onStop: () => void
}

function Composer({ ready, running, onSend, onStop }: ComposerProps) {
  const [question, setQuestion] = useState('')
  const maySend = ready && !running && question.trim() !== ''
  const send = (): void => {
    if (!maySend) return
    onSend(question.trim())
    setQuestion('')
  }
  const sendByKey = (event: KeyboardEvent): void => {
    // Enter sends, as in any chat; with Shift it breaks the line, and while a word is being composed it ends that.
    if (event.key !== 'Enter' || event.shiftKey || event.nativeEvent.isComposing) return
    event.preventDefault()
    send()
  }
  return (
    <Card component="section" aria-label="Ask">
      <form
        onSubmit={(event) => {
          event.preventDefault()
          send()
        }}
      >
        <Stack gap="sm">
          <Textarea
            label="Your message"
            autosize
            minRows={2}
            maxRows={12}
            value={question}
            onChange={(event) => setQuestion(event.currentTarget.value)}
            onKeyDown={sendByKey}
          />
          <Group justify="space-between">
            <Text size="xs" c="dimmed">
              {ready ? 'Enter sends, Shift+Enter breaks the line.' : 'Choose a key above first.'}
            </Text>
            {running ? (
              <Button
                variant="default"
                leftSection={<IconPlayerStop size={16} aria-hidden />}
                onClick={onStop}
              >
                Stop
              </Button>
            ) : (
              <Button type="submit" disabled={!maySend} leftSection={<IconSend size={16} aria-hidden />}>
                Send
              </Button>
            )}
          </Group>
        </Stack>
      </form>
    </Card>
  )
}
