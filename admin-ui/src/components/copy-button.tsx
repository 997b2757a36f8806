import { ActionIcon, Button, Tooltip } from '@mantine/core'
import { IconCheck, IconCopy } from '@tabler/icons-react'
import { useEffect, useState } from 'react'
import { copyText } from '../lib/clipboard.ts'

/** Long enough to be seen, short enough to copy again. */
const shownForMs = 1_800

type CopyState = 'ready' | 'copied' | 'refused'

interface CopyButtonProps {
  value: string
  /** What is copied, for people who do not see the icon: `Copy base URL`. */
  label: string
  /** A full button with this text instead of an icon. */
  text?: string
}

/** Copies `value` and says so, also to a screen reader. */
export function CopyButton({ value, label, text }: CopyButtonProps) {
  const [state, setState] = useState<CopyState>('ready')
  useEffect(() => {
    if (state === 'ready') return
    const timer = setTimeout(() => setState('ready'), shownForMs)
    return () => clearTimeout(timer)
  }, [state])

  const copy = async (): Promise<void> => setState((await copyText(value)) ? 'copied' : 'refused')
  const said = { ready: label, copied: 'Copied', refused: 'The browser refused: select and copy by hand' }[
    state
  ]
  const icon = state === 'copied' ? <IconCheck size={16} aria-hidden /> : <IconCopy size={16} aria-hidden />
  if (text !== undefined) {
    return (
      <Button leftSection={icon} onClick={() => void copy()} aria-live="polite">
        {state === 'ready' ? text : said}
      </Button>
    )
  }
  return (
    <Tooltip label={said}>
      <ActionIcon
        variant="subtle"
        color={state === 'copied' ? 'green' : 'gray'}
        aria-label={said}
        aria-live="polite"
        onClick={() => void copy()}
      >
        {icon}
      </ActionIcon>
    </Tooltip>
  )
}
