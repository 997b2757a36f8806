import { Text } from '@mantine/core'
import { formatSignedUsd, formatUsd, splitHeadlineUsd } from '../lib/money.ts'

interface MoneyProps {
  nanos: bigint
  /** Decimals of the column; see `decimalsFor`. */
  decimals?: number
  /** Say plus as well as minus, for movements. */
  signed?: boolean
}

/** An exact amount in figures of one width. */
export function Money({ nanos, decimals, signed = false }: MoneyProps) {
  const format = signed ? formatSignedUsd : formatUsd
  return <span className="figures">{format(nanos, decimals)}</span>
}

/** A large amount: dollars and cents for the eye, the digits below a cent smaller, none left out. */
export function HeadlineMoney({ nanos }: { nanos: bigint }) {
  const { main, rest } = splitHeadlineUsd(nanos)
  return (
    <Text component="span" fz={30} fw={650} lh={1.1} className="figures">
      {main}
      {rest === '' ? null : (
        <Text component="span" fz={17} fw={500} c="dimmed" className="figures">
          {rest}
        </Text>
      )}
    </Text>
  )
}
