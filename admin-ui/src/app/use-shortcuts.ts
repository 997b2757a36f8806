import { useEffect } from 'react'

interface Shortcuts {
  openPalette: () => void
  openHelp: () => void
}

/** One key each, on every page; never while a person types or a dialog is open. */
export function useShortcuts({ openPalette, openHelp }: Shortcuts): void {
  useEffect(() => {
    const listen = (event: KeyboardEvent): void => {
      if (event.defaultPrevented || event.isComposing || isTyping(event.target)) return
      if (document.querySelector('[role="dialog"], [role="menu"]')) return
      const act = actOf(event, { openPalette, openHelp })
      if (act === undefined) return
      event.preventDefault()
      act()
    }
    document.addEventListener('keydown', listen)
    return () => document.removeEventListener('keydown', listen)
  }, [openPalette, openHelp])
}

function actOf(event: KeyboardEvent, { openPalette, openHelp }: Shortcuts): (() => void) | undefined {
  if (event.altKey) return undefined
  if (event.metaKey || event.ctrlKey)
    return event.key.toLowerCase() === 'k' && !event.shiftKey ? openPalette : undefined
  switch (event.key) {
    case '/':
      return () => focusSearch(openPalette)
    case '?':
      return openHelp
    case 'j':
      return () => focusRow(1)
    case 'k':
      return () => focusRow(-1)
    default:
      return undefined
  }
}

function isTyping(target: EventTarget | null): boolean {
  if (!(target instanceof HTMLElement)) return false
  return (
    target.isContentEditable ||
    target.closest('input, textarea, select, [role="textbox"], [role="combobox"]') !== null
  )
}

/** The page's own search; a page without one is searched by the palette. */
function focusSearch(otherwise: () => void): void {
  const search = document.querySelector<HTMLInputElement>(
    '#main :is(input[type="search"], input[aria-label^="Search" i], input[placeholder^="Search" i])',
  )
  if (!search) {
    otherwise()
    return
  }
  search.focus()
  search.select()
}

/** From one row that can be opened to the next; Enter then opens it, as it does any link. */
function focusRow(step: 1 | -1): void {
  const openers = [...document.querySelectorAll<HTMLElement>('#main tbody tr')].flatMap((row) => {
    const opener = row.querySelector<HTMLElement>('a[href], button:not(:disabled)')
    return opener ? [{ row, opener }] : []
  })
  if (openers.length === 0) return
  const at = openers.findIndex(({ row }) => row.contains(document.activeElement))
  const next = at < 0 ? (step > 0 ? 0 : openers.length - 1) : at + step
  openers[Math.min(Math.max(next, 0), openers.length - 1)]?.opener.focus()
}
