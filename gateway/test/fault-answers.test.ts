/** U09, U12, U14, U16 to U24: answers in odd shapes are read, and those that break say so once and cost nothing. */
import { tellRows } from './support/fault-rows.ts'

tellRows({
  U09: { story: 'an answer that breaks off ends with one error, without [DONE], and is free', poor: true },
  U12: { story: 'a good answer under a wrong label is served' },
  U14: { story: 'a slow answer is served', atOnce: 20 },
  U16: { story: 'what comes after the end is nobody’s concern' },
  U17: { story: 'a stream is read whatever way it is cut and framed' },
  U18: { story: 'lines without end and floods of nothing are stopped', atOnce: 2, poor: true },
  U19: { story: 'an answer without a report is billed by our count' },
  U20: { story: 'of several reports the last one counts, once' },
  U21: { story: 'a report that cannot be true is not billed' },
  U22: { story: 'a report of nothing is believed when there is nothing' },
  U23: { story: 'what nobody knows is passed on' },
  U24: { story: 'the client reads the name of the model that it asked for' },
})
