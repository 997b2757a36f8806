import { ActionIcon, Menu, Tooltip } from '@mantine/core'
import { type Icon, IconDeviceDesktop, IconMoon, IconSun, IconTerminal2 } from '@tabler/icons-react'
import type { ThemeChoice } from '../lib/themes.ts'
import { useThemes } from '../lib/use-themes.ts'

/** Every choice, in the words of the menu and the palette. */
export const THEME_CHOICES: readonly { value: ThemeChoice; label: string; icon: Icon }[] = [
  { value: 'light', label: 'Light', icon: IconSun },
  { value: 'dark', label: 'Dark', icon: IconMoon },
  { value: 'matrix', label: 'Matrix', icon: IconTerminal2 },
  { value: 'system', label: 'As the system', icon: IconDeviceDesktop },
]

/** Light, dark or Matrix; the system decides until a person does. */
export function ThemeSwitch() {
  const { choice, choose } = useThemes()
  const current = THEME_CHOICES.find(({ value }) => value === choice)
  const Current = current?.icon ?? IconDeviceDesktop
  return (
    <Menu position="bottom-end" width={200}>
      <Menu.Target>
        <Tooltip label="Theme">
          <ActionIcon
            variant="subtle"
            color="gray"
            size="lg"
            aria-label={`Theme: ${current?.label ?? choice}`}
          >
            <Current size={18} aria-hidden />
          </ActionIcon>
        </Tooltip>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.RadioGroup value={choice} onChange={(value) => choose(value as ThemeChoice)}>
          {THEME_CHOICES.map(({ value, label, icon: Glyph }) => (
            <Menu.RadioItem key={value} value={value} rightSection={<Glyph size={16} aria-hidden />}>
              {label}
            </Menu.RadioItem>
          ))}
        </Menu.RadioGroup>
      </Menu.Dropdown>
    </Menu>
  )
}
