import type { UpstreamFailure } from '../providers/outcome.ts'

/** How a running request can be ended from outside; set while there is something to end. */
export interface CutOff {
  stop: ((failure: UpstreamFailure) => void) | undefined
}
