/** U03 to U08 and U25 to U30: upstreams that say no. */
import { tellRows } from './support/fault-rows.ts'

tellRows({
  U03: { story: 'a 429 that says how long is never seen by a client, and the listing rests for that long' },
  U04: { story: 'a 429 without a word is never seen by a client, and the listing rests for a second or two' },
  U05: { story: 'a seller without money is passed over, whatever status his upstream has for it' },
  U06: { story: 'a failing server is passed over' },
  U07: { story: 'an overloaded server is passed over' },
  U08: { story: 'a dead key is passed over, and nobody sees the words of its refusal' },
  U25: { story: 'a model that is not there is passed over' },
  U26: { story: "a buyer's own mistake is told to him at once and costs nothing" },
  U27: { story: 'a request that is refused as too large or unfit is the buyer’s to change' },
  U28: { story: 'a redirect is not followed' },
  U29: { story: 'a conflict or a timeout of the server is passed over' },
  U30: { story: 'compressed answers are not unfolded' },
})
