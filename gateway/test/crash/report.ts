/** The figures of a run, for whoever reads its output. */
import type { Figures } from './auditor.ts'
import type { Kill } from './kill.ts'
import { points } from './scenario.ts'

/** A line for each point, and one for everything: `totals` are the last figures of each lane. */
export function crashReport(kills: readonly Kill[], totals: readonly Figures[]): string {
  const lines = points.flatMap((point) => {
    const here = kills.filter(({ scenario }) => scenario.point === point)
    if (here.length === 0) return []
    const count = (name: 'told' | 'charged' | 'writtenOff') =>
      here.filter(({ outcome }) => outcome?.[name]).length
    const again = here.filter(({ scenario }) => scenario.again).length
    const became =
      point === 'random'
        ? ''
        : `: ${count('told')} told, ${count('charged')} charged, ${count('writtenOff')} written off`
    return [
      `  ${point.padEnd(14)} ${here.length} kills${became}${again > 0 ? `, ${again} killed again` : ''}`,
    ]
  })
  return [`${kills.length} kills`, ...lines, `  ${describeFigures(sumOf(totals))}`].join('\n')
}

export function describeFigures(figures: Figures): string {
  const { asked, whole, told, settled, settledUntold, writtenOff, lost, duplicated, unresolved } = figures
  return `${asked} asked, ${whole} answered whole, ${told} costs told, ${settled} settled (${settledUntold} of them unheard), ${writtenOff} written off; ${lost} lost, ${duplicated} duplicated, ${unresolved} unresolved`
}

function sumOf(all: readonly Figures[]): Figures {
  const sum = (name: keyof Figures) => all.reduce((total, figures) => total + figures[name], 0)
  return {
    asked: sum('asked'),
    whole: sum('whole'),
    told: sum('told'),
    settled: sum('settled'),
    settledUntold: sum('settledUntold'),
    writtenOff: sum('writtenOff'),
    lost: sum('lost'),
    duplicated: sum('duplicated'),
    unresolved: sum('unresolved'),
  }
}
