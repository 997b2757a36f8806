import { Button, Group } from '@mantine/core'
import { ErrorPanel } from './error-panel.tsx'

/** The end of a form in a dialog: what went wrong, a way out, and the act itself. */
export function FormActions({
  act,
  busy,
  error,
  onCancel,
}: {
  act: string
  busy: boolean
  error: unknown
  onCancel: () => void
}) {
  return (
    <>
      {error ? <ErrorPanel error={error} /> : null}
      <Group justify="flex-end">
        <Button variant="default" onClick={onCancel}>
          Cancel
        </Button>
        <Button type="submit" loading={busy}>
          {act}
        </Button>
      </Group>
    </>
  )
}
