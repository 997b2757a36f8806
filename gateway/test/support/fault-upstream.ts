/**
 * The fault upstream, a process of its own: a port for each row of reliability.md §4.2, so that rows are strangers to
 * each other, and one for the sellers that are well. What a listing's base URL names first is the fault it meets. Told
 * on its command line where to write its log.
 */
import { healthy } from './fault.ts'
import { listenOn, openDials } from './fault-dials.ts'
import { type Listener, serveSocket } from './fault-wire.ts'
import { faults } from './faults.ts'

const log = process.argv[2] as string
const well = healthy(['all', ' good'])
const listenerOf = (row: string): Listener => ({
  row,
  log,
  behaviourOf: (fault) => (row === 'well' ? well : faults.get(fault)?.behave),
})

const origins: Record<string, string> = {}
for (const row of ['well', ...new Set([...faults.values()].map((fault) => fault.row))]) {
  const port = await listenOn((socket) => serveSocket(socket, listenerOf(row)))
  origins[row] = `http://127.0.0.1:${port.number}`
}
const dials = await openDials(listenerOf('U01'), listenerOf('well'))
process.on('message', () => {
  dials.arm().then(
    () => process.send?.('armed'),
    () => process.exit(1),
  )
})
process.on('disconnect', () => process.exit())
process.send?.({ origins, dials: dials.origins })
