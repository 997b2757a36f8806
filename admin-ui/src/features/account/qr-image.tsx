import { qrCode } from './qr-code.ts'

const quietZone = 4

/** A QR code, dark on light in every theme: cameras expect it so. */
export function QrImage({ text, label }: { text: string; label: string }) {
  const code = qrCode(text)
  const size = code.length + 2 * quietZone
  const path = code
    .flatMap((row, y) =>
      row.flatMap((isDark, x) => (isDark ? [`M${x + quietZone} ${y + quietZone}h1v1h-1z`] : [])),
    )
    .join('')
  return (
    <svg
      role="img"
      aria-label={label}
      viewBox={`0 0 ${size} ${size}`}
      width={216}
      height={216}
      shapeRendering="crispEdges"
      style={{ maxWidth: '100%', height: 'auto' }}
    >
      <rect width={size} height={size} fill="#fff" />
      <path d={path} fill="#000" />
    </svg>
  )
}
