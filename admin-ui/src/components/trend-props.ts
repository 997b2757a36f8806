interface TrendSeries {
  name: string
  label: string
  /** A Mantine colour such as `indigo.6`; see `colorOf` for the same thing's colour on all pages. */
  color: string
}

export interface TrendChartProps {
  /** A sentence with the finding's unit. */
  title: string
  kind: 'bars' | 'lines'
  /** One point: `at` is what stands on the axis, the rest are the series by name. Figures are for drawing only. */
  points: readonly ({ at: string } & Record<string, string | number>)[]
  series: readonly TrendSeries[]
  /** How a figure reads, on the axis and in the table. */
  format: (value: number) => string
  /** How the table reads where a drawn figure has lost digits: money. */
  exact?: (at: string, series: string) => string
  height?: number
}
