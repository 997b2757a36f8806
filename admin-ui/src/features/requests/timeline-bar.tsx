import type { RequestShown } from '@bourse/gateway/api/analytics'
import { formatMs } from '../../lib/format-ms.ts'
import { type Step, timelineOf } from './timeline.ts'
import classes from './timeline-bar.module.css'

/** Where the time went: a bar for the eye, and the same steps as a list. */
export function TimelineBar({ request }: { request: RequestShown }) {
  const steps = timelineOf(request)
  const totalMs = Math.max(1, request.durationMs ?? 1)
  if (steps.length === 0) return null
  return (
    <>
      <div className={classes.bar} aria-hidden>
        {steps.map((step) => (
          <span
            key={`${step.fromMs} ${step.name}`}
            className={classes[step.kind]}
            style={{ flexGrow: share(step, totalMs) }}
            title={`${step.name}: ${formatMs(step.toMs - step.fromMs)}`}
          />
        ))}
      </div>
      <ol className={classes.steps}>
        {steps.map((step) => (
          <li key={`${step.fromMs} ${step.name}`}>
            <span className={`${classes.dot} ${classes[step.kind]}`} aria-hidden />
            <span className={classes.name}>{step.name}</span>
            <span className="figures">{formatMs(step.toMs - step.fromMs)}</span>
          </li>
        ))}
      </ol>
    </>
  )
}

/** Thousandths of the whole; what is too short to see is drawn as a hair's breadth. */
function share({ fromMs, toMs }: Step, totalMs: number): number {
  return Math.max(4, Math.round(((toMs - fromMs) / totalMs) * 1_000))
}
