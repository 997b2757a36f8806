/** U32: an upstream that is not who it was. */
import { tellRows } from './support/fault-rows.ts'

tellRows(
  {
    U32: { story: 'a host whose name turns inside, or that shows a certificate of nobody, is not called' },
  },
  { abroad: true },
)
