/** How a person works with a page: with a pointer, or with the keyboard alone. The stories are the same. */
import type { Locator, Page } from 'playwright-core'

export interface Hand {
  name: string
  /** Presses a button, link, menu item, tab, option of a radio group or checkbox. */
  press(target: Locator): Promise<void>
  /** Replaces what is in a text field. */
  type(field: Locator, text: string): Promise<void>
  /** Opens a combobox and takes the option with this text. */
  choose(field: Locator, option: string | RegExp): Promise<void>
}

const pointer: Hand = {
  name: 'by pointer',
  async press(target) {
    // Some boxes are drawn by their label, and lie below it.
    const id = await target.evaluate((element) =>
      element instanceof HTMLInputElement && element.type === 'radio' ? element.id : '',
    )
    await (id === '' ? target : target.page().locator(`label[for="${id}"]`).first()).click()
  },
  type: (field, text) => field.fill(text),
  async choose(field, option) {
    if (await isNative(field)) return void (await field.selectOption({ label: String(option) }))
    await field.click()
    await field.page().getByRole('option', { name: option }).first().click()
  },
}

/** Tab, Enter, Space, arrows, letters. Wherever the focus comes to rest it must be seen. */
const keyboard: Hand = {
  name: 'by keyboard alone',
  async press(target) {
    await reach(target)
    const kind = await target.evaluate(kindOf)
    await target.page().keyboard.press(kind === 'switch' ? 'Space' : 'Enter')
  },
  async type(field, text) {
    await reach(field)
    const { keyboard: keys } = field.page()
    const kind = await field.evaluate((element) => (element as HTMLInputElement).type)
    if (kind !== 'date' && kind !== 'datetime-local' && kind !== 'time') await keys.press('ControlOrMeta+A')
    await keys.type(text)
  },
  async choose(field, option) {
    await reach(field)
    const page = field.page()
    // A list of the browser's own goes to the option whose letters are typed.
    if (await isNative(field)) return page.keyboard.type(String(option))
    const options = page.getByRole('option')
    if (!(await options.first().isVisible())) await page.keyboard.press('ArrowDown')
    await options.filter({ hasText: option }).first().waitFor()
    const wanted = page.getByRole('option', { name: option }).first()
    for (let step = 0; step < MAX_STEPS; step += 1) {
      if ((await wanted.getAttribute('data-combobox-selected')) !== null) {
        await page.keyboard.press('Enter')
        return
      }
      await page.keyboard.press('ArrowDown')
    }
    throw new Error(`the arrows do not reach the option ${option}`)
  },
}

export const hands: readonly Hand[] = [pointer, keyboard]

function isNative(field: Locator): Promise<boolean> {
  return field.evaluate((element) => element instanceof HTMLSelectElement)
}

/** More stops than any page has. */
const MAX_STEPS = 250

/** Tabs to the target, and by arrows within a menu, a list of tabs or a radio group; asserts that the focus shows. */
async function reach(target: Locator): Promise<void> {
  const one = target.first()
  await one.waitFor({ state: 'attached' })
  const page = one.page()
  const before = await one.evaluate(lookOf)
  let key = ''
  for (let step = 0; step < MAX_STEPS; step += 1) {
    const { there, next } = await one.evaluate(wayTo, key)
    if (there) {
      if (step > 0) await expectFocusSeen(one, before)
      return
    }
    key = next
    await page.keyboard.press(next)
  }
  throw new Error(`the keyboard does not reach ${one}; the focus is on ${await focusOf(page)}`)
}

/** Looks again for as long as a colour may take to change. */
async function expectFocusSeen(one: Locator, before: string[]): Promise<void> {
  for (let look = 0; look < 12; look += 1) {
    const now = await one.evaluate(lookOf)
    if (now.some((part, index) => part !== before[index])) return
    await one.page().waitForTimeout(25)
  }
  throw new Error(`the focus cannot be seen on ${one}: ${await focusOf(one.page())}`)
}

function focusOf(page: Page): Promise<string> {
  return page.evaluate(() => document.activeElement?.outerHTML.slice(0, 300) ?? 'nothing')
}

/** In the page: whether the focus is on the element, and the key that leads nearer. */
function wayTo(element: Element, last: string): { there: boolean; next: string } {
  const active = document.activeElement
  if (active === element) return { there: true, next: '' }
  // One stop for the whole group: arrows move within it.
  const group = element.closest('[role=menu], [role=tablist], [role=radiogroup]')
  const isRadio = element instanceof HTMLInputElement && element.type === 'radio'
  const sameName = isRadio && active instanceof HTMLInputElement && active.name === element.name
  if (active && (sameName || (group?.contains(active) && active !== group && element.getAttribute('role')))) {
    const across = element.closest('[role=tablist]')
    return { there: false, next: across ? 'ArrowRight' : 'ArrowDown' }
  }
  if (group?.getAttribute('role') === 'menu') return { there: false, next: 'ArrowDown' }
  const isBehind =
    active !== null &&
    active !== document.body &&
    (active.compareDocumentPosition(element) & Node.DOCUMENT_POSITION_PRECEDING) !== 0
  // Never back and forth: a trap that turns the focus round is followed in one direction.
  if (last === 'Tab' || last === 'Shift+Tab') return { there: false, next: last }
  return { there: false, next: isBehind ? 'Shift+Tab' : 'Tab' }
}

/** In the page: everything of an element's look that could show the focus. */
function lookOf(element: Element): string[] {
  const label = element instanceof HTMLInputElement ? element.labels?.[0] : undefined
  return [element, element.parentElement, element.nextElementSibling, label].map((part) => {
    if (!part) return ''
    const { outline, boxShadow, borderColor, backgroundColor, color, textDecoration } = getComputedStyle(part)
    return [outline, boxShadow, borderColor, backgroundColor, color, textDecoration].join('|')
  })
}

/** In the page: whether Space works the element rather than Enter. */
function kindOf(element: Element): 'switch' | 'button' {
  const role = element.getAttribute('role')
  if (role === 'switch' || role === 'checkbox' || role === 'radio') return 'switch'
  const isBox = element instanceof HTMLInputElement && ['checkbox', 'radio'].includes(element.type)
  return isBox ? 'switch' : 'button'
}
