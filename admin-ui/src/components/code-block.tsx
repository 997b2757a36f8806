import classes from './code-block.module.css'
import { CopyButton } from './copy-button.tsx'

/** Several lines to copy; scrolls sideways, also with the keyboard. */
export function CodeBlock({ code, label }: { code: string; label: string }) {
  return (
    <div className={classes.block}>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a region that scrolls must be reachable with the keyboard */}
      <section className={classes.scroll} tabIndex={0} aria-label={label}>
        <pre className={classes.code}>
          <code>{code}</code>
        </pre>
      </section>
      <div className={classes.copy}>
        <CopyButton value={code} label={`Copy ${label}`} />
      </div>
    </div>
  )
}

/** One value to copy: a URL, a key. */
export function CopyLine({ value, label }: { value: string; label: string }) {
  return (
    <div className={classes.line}>
      <code className={classes.lineText}>{value}</code>
      <CopyButton value={value} label={`Copy ${label}`} />
    </div>
  )
}
