/** U01, U02, U10, U11, U13, U15, U18 and U31: upstreams whose answer never really begins. */
import { tellRows } from './support/fault-rows.ts'

tellRows({
  U02: {
    story:
      'a connection that was given up while it was idle is opened anew, and the listing keeps its record',
    atOnce: 1,
  },
  U10: { story: 'what is no answer, though it says 200, is never taken for one' },
  U11: { story: 'an answer that cannot be read is passed over' },
  U13: { story: 'a silent upstream is given up after its time', atOnce: 20 },
  U15: { story: 'an upstream that only says it lives is given up after its time', atOnce: 20 },
  U31: { story: 'what an upstream slips in behind an answer reaches nobody' },
  U01: { story: 'an upstream that cannot be reached is passed over', atOnce: 10 },
})
