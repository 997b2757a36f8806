import { Text } from '@mantine/core'
import { formatSignedUsd, formatUsd, parseNanos, splitHeadlineUsd } from '../lib/money.ts'

/** Nano-dollars as a `bigint`, or as the string in which they travel. */
type Nanos = bigint | string

interface MoneyProps {
  nanos: Nanos
  /** Decimals of the column; see `decimalsFor`. */
  decimals?: number
  /** Say plus as well as minus, for movements. */
  signed?: boolean
}

/** An exact amount in figures of one width. */
export function Money({ nanos, decimals, signed = false }: MoneyProps) {
  const format = signed ? formatSignedUsd : formatUsd
  return <span className="figures">{format(exact(nanos), decimals)}</span>
}

/** A large amount: dollars and cents for the eye, the digits below a cent smaller, none left out. */
export function HeadlineMoney({ nanos }: { nanos: Nanos }) {
  const { main, rest } = splitHeadlineUsd(exact(nanos))
  // Less than a cent: a large zero would say that it is nothing.
  if (rest !== '' && !/[1-9]/.test(main))
    return (
      <Text component="span" fz={24} fw={650} lh={1.25} className="figures">
        {main}
        {rest}
      </Text>
    )
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

function exact(nanos: Nanos): bigint {
  return typeof nanos === 'bigint' ? nanos : parseNanos(nanos)
}
