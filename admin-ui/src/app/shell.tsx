import { AppShell, Badge, Burger, Container, Group, Text, Tooltip } from '@mantine/core'
import { useDisclosure } from '@mantine/hooks'
import { Link, Outlet, useLocation } from '@tanstack/react-router'
import { useEffect, useRef } from 'react'
import { Logo } from '../components/logo.tsx'
import { ThemeSwitch } from '../components/theme-switch.tsx'
import { useBalance } from '../features/overview/queries.ts'
import { splitHeadlineUsd } from '../lib/money.ts'
import { usePerson } from '../lib/services.ts'
import { PersonMenu } from './person-menu.tsx'
import { Rail } from './rail.tsx'
import classes from './shell.module.css'

/** Rail, top bar and the page between them. */
export function Shell() {
  const [railOpened, rail] = useDisclosure(false)
  const main = useRef<HTMLElement>(null)
  useFocusOnNavigation(main, rail.close)
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
          <Group h="100%" px="md" gap="xs" wrap="nowrap">
            <Burger
              opened={railOpened}
              onClick={rail.toggle}
              hiddenFrom="sm"
              size="sm"
              aria-label="Open the menu"
            />
            <ModeBadge />
            <Group ml="auto" gap="xs" wrap="nowrap">
              <BalancePill />
              <ThemeSwitch />
              <PersonMenu />
            </Group>
          </Group>
        </AppShell.Header>
        <AppShell.Navbar className={classes.rail} p="sm">
          <Group px={12} h={36} gap={10} wrap="nowrap">
            <Logo />
            <Text fw={700} fz={17}>
              Bourse
            </Text>
            <Burger
              ml="auto"
              opened
              onClick={rail.close}
              hiddenFrom="sm"
              size="sm"
              aria-label="Close the menu"
            />
          </Group>
          <Rail />
        </AppShell.Navbar>
        <AppShell.Main id="main" ref={main} tabIndex={-1} className={classes.main}>
          <Container size={1120} px={0}>
            <Outlet />
          </Container>
        </AppShell.Main>
      </AppShell>
    </>
  )
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

function ModeBadge() {
  if (usePerson()?.mode !== 'play') return null
  return (
    <Tooltip label="This gateway runs in play mode: its dollars buy nothing and cannot be paid out.">
      <Badge color="yellow" size="lg" style={{ flexShrink: 0 }} aria-label="Play money">
        Play<span className={classes.wide}> money</span>
      </Badge>
    </Tooltip>
  )
}

function BalancePill() {
  const balance = useBalance()
  if (balance.data === undefined) return null
  const { main } = splitHeadlineUsd(balance.data.availableNanos)
  return (
    <Link to="/" className={classes.pill} aria-label={`${main} available. Go to the overview.`}>
      <span className={classes.pillWord}>Available</span>
      <span className="figures">{main}</span>
    </Link>
  )
}
