import { RAIL } from './rail-pages.ts'

/** Where a path of the console is: the group of the menu and the page, such as `Use` and `Keys`. */
export function whereIs(pathname: string): { group: string; page: string } | undefined {
  if (pathname === '/account') return { group: 'You', page: 'Account' }
  const pages = RAIL.flatMap(({ title, pages }) =>
    pages.map(({ to, label }) => ({ group: title, to, page: label })),
  )
  const found = pages
    .filter(({ to }) => pathname === to || (to !== '/' && pathname.startsWith(`${to}/`)))
    .sort((left, right) => right.to.length - left.to.length)[0]
  return found && { group: found.group, page: found.page }
}
