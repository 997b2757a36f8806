import { BarChart, LineChart } from '@mantine/charts'
import type { TrendChartProps } from './trend-props.ts'

/** The figures of a `TrendChart` as bars or lines. */
export function TrendDrawing({
  kind,
  points,
  series,
  format,
  height,
}: Pick<TrendChartProps, 'kind' | 'points' | 'series' | 'format'> & { height: number }) {
  const drawn = {
    h: height,
    data: [...points],
    dataKey: 'at',
    series: series.map((each) => ({ ...each })),
    valueFormatter: format,
    withLegend: series.length > 1,
    // As wide as the longest mark: `$0.000 45` is longer than `$10`.
    yAxisProps: { width: 'auto' as const, tickCount: height < roomForFive ? 3 : 5, interval: 0 as const },
    // The table says it to the keyboard and the screen reader; the drawing takes no focus.
    barChartProps: { accessibilityLayer: false, margin },
    lineChartProps: { accessibilityLayer: false, margin },
  }
  // Still: figures are there at once, and what is looked up again does not jump.
  if (kind === 'bars')
    return (
      <BarChart
        {...drawn}
        type="stacked"
        barProps={{ isAnimationActive: false }}
        tooltipAnimationDuration={0}
        maxBarWidth={48}
      />
    )
  // Where nothing was measured there is a gap, and a mark that stands alone is a dot.
  return (
    <LineChart
      {...drawn}
      lineProps={{ isAnimationActive: false }}
      connectNulls={false}
      tooltipAnimationDuration={0}
      withDots={points.length < fewPoints}
    />
  )
}

const roomForFive = 180
/** The library draws the marks of the axis so far to the left of their place. */
const margin = { left: 10 }
const fewPoints = 40
