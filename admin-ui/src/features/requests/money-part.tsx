import type { RequestShown } from '@bourse/gateway/api/analytics'
import { Group, Stack, Text } from '@mantine/core'
import { Money } from '../../components/money.tsx'
import { ReceiptPart } from './receipt-part.tsx'

/** Held, charged, and who got it; with the receipt for who paid. */
export function MoneyPart({ request, isSale }: { request: RequestShown; isSale: boolean }) {
  const { costNanos, sellerNanos, feeNanos, heldNanos, settledAt, outcome } = request
  if (settledAt === null || costNanos === null) {
    const isOver = outcome === 'failed' || outcome === 'refused' || outcome === 'left'
    return (
      <Text c="dimmed">
        {isOver
          ? 'Nothing was charged. What was held for it is free again.'
          : 'Being booked; this takes a second.'}
      </Text>
    )
  }
  return (
    <Stack gap="xs">
      <Group gap={6} align="baseline">
        {heldNanos === null ? null : (
          <>
            <Text span c="dimmed">
              held
            </Text>
            <Money nanos={BigInt(heldNanos)} />
            <Text span c="dimmed">
              → charged
            </Text>
          </>
        )}
        <Text span fw={700}>
          <Money nanos={BigInt(costNanos)} />
        </Text>
        <Text span c="dimmed">
          {isSale ? 'paid by the buyer = yours' : '= seller'}
        </Text>
        <Money nanos={BigInt(sellerNanos ?? '0')} />
        <Text span c="dimmed">
          + fee
        </Text>
        <Money nanos={BigInt(feeNanos ?? '0')} />
      </Group>
      {isSale ? null : <ReceiptPart request={request} />}
    </Stack>
  )
}
