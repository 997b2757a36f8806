import { Button, Card, Group, Stack, Text, Textarea } from '@mantine/core'
import { useForm } from '@mantine/form'
import { ErrorPanel } from '../../components/error-panel.tsx'
import { usePayoutAct } from './queries.ts'

interface ReasonFormProps {
  act: 'refuse' | 'fail'
  id: string
  title: string
  explanation: string
  button: string
  onCancel: () => void
}

/** Gives the money back, with a reason that the seller reads. */
export function ReasonForm({ act, id, title, explanation, button, onCancel }: ReasonFormProps) {
  const write = usePayoutAct(act)
  const form = useForm({
    initialValues: { note: '' },
    validate: { note: (note) => (note.trim() === '' ? 'Say why' : null) },
  })
  return (
    <Card component="section" aria-label={title} padding="md">
      <form
        noValidate
        onSubmit={form.onSubmit(({ note }) =>
          write.mutate({ id, body: { note: note.trim().replace(/\s+/g, ' ') } }),
        )}
      >
        <Stack gap="sm">
          <Text component="h3" fw={650}>
            {title}
          </Text>
          <Text size="sm">{explanation}</Text>
          <Textarea
            label="Reason"
            autosize
            minRows={2}
            maxLength={500}
            data-autofocus
            autoFocus
            {...form.getInputProps('note')}
          />
          {write.isError ? <ErrorPanel error={write.error} /> : null}
          <Group>
            <Button type="submit" color="red.9" loading={write.isPending}>
              {button}
            </Button>
            <Button variant="default" onClick={onCancel}>
              Back
            </Button>
          </Group>
        </Stack>
      </form>
    </Card>
  )
}
