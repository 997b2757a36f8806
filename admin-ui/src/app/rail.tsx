import { Link } from '@tanstack/react-router'
import { usePerson } from '../lib/services.ts'
import { RAIL } from './rail-pages.ts'
import classes from './shell.module.css'

/** The pages this person may open, grouped by what they do there. */
export function Rail() {
  const roles = usePerson()?.roles ?? []
  return (
    <nav aria-label="Pages" className={classes.pages}>
      {RAIL.filter(({ role }) => role === undefined || roles.includes(role)).map(({ title, pages }) => (
        <section key={title} aria-label={title}>
          <p className={classes.group}>{title}</p>
          <ul className={classes.list}>
            {pages.map((page) => (
              <li key={page.to}>
                <RailLink {...page} />
              </li>
            ))}
          </ul>
        </section>
      ))}
    </nav>
  )
}

function RailLink({ to, label, icon: Glyph }: (typeof RAIL)[number]['pages'][number]) {
  return (
    <Link
      to={to}
      className={classes.link}
      activeOptions={{ exact: to === '/' || to === '/run', includeSearch: false }}
    >
      <Glyph size={19} stroke={1.7} aria-hidden />
      {label}
    </Link>
  )
}
