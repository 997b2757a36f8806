import { AppShell, Burger, Container, FocusTrap, Group, Text } from '@mantine/core'
import { useDisclosure, useMediaQuery } from '@mantine/hooks'
import { Outlet, useLocation } from '@tanstack/react-router'
import { useEffect, useRef } from 'react'
import { Logo } from '../components/logo.tsx'
import { HelpDialog } from './help-dialog.tsx'
import { Palette, palette } from './palette.tsx'
import { Rail } from './rail.tsx'
import classes from './shell.module.css'
import { TopBar } from './top-bar.tsx'
import { useShortcuts } from './use-shortcuts.ts'

/** Rail, top bar and the page between them. */
export function Shell() {
  const [helpOpened, help] = useDisclosure(false)
  const main = useRef<HTMLElement>(null)
  const { railOpened, rail, burger, closer, covers, leaveRail } = useRail()
  useFocusOnNavigation(main, rail.close)
  useShortcuts({ openPalette: palette.open, openHelp: help.open })
  return (
    <>
      <a href="#main" className="skip-link">
        Skip to the page
      </a>
      <AppShell
        layout="alt"
        padding={{ base: 'md', sm: 'xl' }}
        header={{ height: 60 }}
        navbar={{ width: 232, breakpoint: 'sm', collapsed: { mobile: !railOpened } }}
      >
        <AppShell.Header className={classes.header}>
          <TopBar
            burger={burger}
            railOpened={railOpened}
            onRail={rail.toggle}
            onSearch={palette.open}
            onHelp={help.open}
          />
        </AppShell.Header>
        <AppShell.Navbar
          className={classes.rail}
          p="sm"
          data-closed={!railOpened || undefined}
          onKeyDown={(event) => event.key === 'Escape' && covers && leaveRail()}
        >
          {/* On a phone the open menu covers the page, so the keyboard stays in it. */}
          <FocusTrap active={covers}>
            <div className={classes.inner}>
              <Group px={12} h={36} gap={10} wrap="nowrap" style={{ flexShrink: 0 }}>
                <Logo />
                <Text fw={700} fz={17}>
                  Bourse
                </Text>
                <Burger
                  ref={closer}
                  ml="auto"
                  opened
                  onClick={leaveRail}
                  hiddenFrom="sm"
                  size="sm"
                  aria-label="Close the menu"
                />
              </Group>
              <Rail />
            </div>
          </FocusTrap>
        </AppShell.Navbar>
        <AppShell.Main id="main" ref={main} tabIndex={-1} className={classes.main}>
          <Container size={1180} px={0}>
            <Outlet />
          </Container>
        </AppShell.Main>
      </AppShell>
      <Palette />
      <HelpDialog opened={helpOpened} onClose={help.close} />
    </>
  )
}

/** The menu: always there where there is room; on a phone it covers the page while it is open. */
function useRail() {
  const [railOpened, rail] = useDisclosure(false)
  const burger = useRef<HTMLButtonElement>(null)
  const closer = useRef<HTMLButtonElement>(null)
  // Where there is room the menu is always there, and covers nothing.
  const covers = !useMediaQuery('(min-width: 48em)', true) && railOpened
  useEffect(() => {
    if (covers) closer.current?.focus()
  }, [covers])
  const leaveRail = (): void => {
    rail.close()
    burger.current?.focus()
  }
  return { railOpened, rail, burger, closer, covers, leaveRail }
}

/** After going to another page, the keyboard and the screen reader start at that page, not at the link behind. */
function useFocusOnNavigation(main: React.RefObject<HTMLElement | null>, closeRail: () => void): void {
  const { pathname } = useLocation()
  const shown = useRef(pathname)
  useEffect(() => {
    if (shown.current === pathname) return
    shown.current = pathname
    closeRail()
    main.current?.focus({ preventScroll: true })
  }, [pathname, main, closeRail])
}
