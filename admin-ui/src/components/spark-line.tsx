const width = 72
const height = 28
const inset = 2

/** The shape of a figure over time, for the eye only: the number beside it says what counts. */
export function SparkLine({ values }: { values: readonly number[] }) {
  if (values.length < 2) return null
  const most = Math.max(...values)
  const least = Math.min(...values)
  const span = most - least || 1
  const points = values.map((value, index) => {
    const x = inset + (index / (values.length - 1)) * (width - 2 * inset)
    const y = height - inset - ((value - least) / span) * (height - 2 * inset)
    return `${x.toFixed(1)},${y.toFixed(1)}`
  })
  return (
    <svg
      width={width}
      height={height}
      viewBox={`0 0 ${width} ${height}`}
      aria-hidden="true"
      focusable="false"
    >
      <polyline
        points={points.join(' ')}
        fill="none"
        stroke="var(--mantine-color-indigo-5)"
        strokeWidth="1.6"
        strokeLinejoin="round"
        strokeLinecap="round"
      />
    </svg>
  )
}
