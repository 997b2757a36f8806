import { IconBuildingStore, IconHome2, IconKey, IconTags, IconUsers } from '@tabler/icons-react'
import { Link } from '@tanstack/react-router'
import { usePerson } from '../lib/services.ts'
import classes from './shell.module.css'

const useGroup = [
  { to: '/', label: 'Overview', icon: IconHome2 },
  { to: '/keys', label: 'Keys', icon: IconKey },
  { to: '/market', label: 'Market', icon: IconTags },
] as const

const runGroup = [
  { to: '/users', label: 'Users', icon: IconUsers },
  { to: '/listings', label: 'Listings', icon: IconBuildingStore },
] as const

/** The pages this person may open, grouped by what they do there. */
export function Rail() {
  const isOperator = usePerson()?.roles.includes('operator') ?? false
  return (
    <nav aria-label="Pages">
      <p className={classes.group}>Use</p>
      {useGroup.map((page) => (
        <RailLink key={page.to} {...page} />
      ))}
      {isOperator ? (
        <>
          <p className={classes.group}>Run</p>
          {runGroup.map((page) => (
            <RailLink key={page.to} {...page} />
          ))}
        </>
      ) : null}
    </nav>
  )
}

function RailLink({ to, label, icon: Glyph }: (typeof useGroup | typeof runGroup)[number]) {
  return (
    <Link to={to} className={classes.link} activeOptions={{ exact: true, includeSearch: false }}>
      <Glyph size={19} stroke={1.7} aria-hidden />
      {label}
    </Link>
  )
}
