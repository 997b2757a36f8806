// Runs before the first paint, so that a page opened in the dark does not flash. A file and not a line in the page,
// because the content security policy allows no inline script. It follows the rule of src/lib/themes.ts.
;(() => {
  const root = document.documentElement
  let theme = 'system'
  try {
    theme = localStorage.getItem('bourse-theme') ?? 'system'
  } catch {
    // A browser that keeps nothing shows the system's theme.
  }
  if (!['light', 'dark', 'matrix'].includes(theme))
    theme = matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'light'
  root.dataset.theme = theme
  root.dataset.mantineColorScheme = theme === 'light' ? 'light' : 'dark'
})()
