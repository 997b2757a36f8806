import { ActionIcon, Badge, Burger, Group, Kbd, Text, Tooltip, UnstyledButton } from '@mantine/core'
import { IconSearch } from '@tabler/icons-react'
import { Link, useLocation } from '@tanstack/react-router'
import type { RefObject } from 'react'
import { ThemeSwitch } from '../components/theme-switch.tsx'
import { splitHeadlineUsd } from '../lib/money.ts'
import { usePerson } from '../lib/services.ts'
import { useBalance } from '../lib/use-balance.ts'
import { PersonMenu } from './person-menu.tsx'
import classes from './shell.module.css'
import { whereIs } from './where.ts'

interface TopBarProps {
  burger: RefObject<HTMLButtonElement | null>
  railOpened: boolean
  onRail: () => void
  onSearch: () => void
  onHelp: () => void
}

/** Where am I, search, which money, how much of it, look, person. */
export function TopBar({ burger, railOpened, onRail, onSearch, onHelp }: TopBarProps) {
  return (
    <Group h="100%" px="md" gap="xs" wrap="nowrap">
      <Burger
        ref={burger}
        opened={railOpened}
        onClick={onRail}
        hiddenFrom="sm"
        size="sm"
        aria-label="Open the menu"
        aria-expanded={railOpened}
      />
      <Where />
      <ModeBadge />
      <Group ml="auto" gap="xs" wrap="nowrap">
        <SearchButton onSearch={onSearch} />
        <BalancePill />
        <ThemeSwitch />
        <PersonMenu onHelp={onHelp} />
      </Group>
    </Group>
  )
}

function Where() {
  const where = whereIs(useLocation().pathname)
  if (!where) return null
  return (
    <Text size="sm" visibleFrom="md" style={{ whiteSpace: 'nowrap' }}>
      <Text component="span" inherit c="dimmed">
        {where.group} /{' '}
      </Text>
      <Text component="span" inherit fw={600}>
        {where.page}
      </Text>
    </Text>
  )
}

function SearchButton({ onSearch }: { onSearch: () => void }) {
  return (
    <>
      <UnstyledButton
        className={classes.search}
        onClick={onSearch}
        visibleFrom="md"
        aria-keyshortcuts="Control+K Meta+K"
      >
        <IconSearch size={15} aria-hidden />
        <span>Search</span>
        <Kbd size="xs" aria-hidden>
          {/Mac|iP(hone|ad)/.test(navigator.userAgent) ? '⌘' : 'Ctrl'} K
        </Kbd>
      </UnstyledButton>
      <ActionIcon
        variant="subtle"
        color="gray"
        size="lg"
        hiddenFrom="md"
        aria-label="Search"
        onClick={onSearch}
      >
        <IconSearch size={18} aria-hidden />
      </ActionIcon>
    </>
  )
}

function ModeBadge() {
  if (usePerson()?.mode !== 'play') return null
  return (
    <Tooltip label="This gateway runs in play mode: its dollars buy nothing and cannot be paid out.">
      <Badge color="yellow" size="lg" style={{ flexShrink: 0 }}>
        Play<span className={classes.wide}> money</span>
      </Badge>
    </Tooltip>
  )
}

function BalancePill() {
  const balance = useBalance()
  if (balance.data === undefined) return null
  const { main } = splitHeadlineUsd(BigInt(balance.data.availableNanos))
  return (
    <Link to="/billing" className={classes.pill} aria-label={`Available ${main}. Go to billing.`}>
      <span className={classes.pillWord}>Available</span> <span className="figures">{main}</span>
    </Link>
  )
}
