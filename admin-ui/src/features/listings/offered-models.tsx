import type { ListingShown } from '@bourse/gateway/api/marketplace'
import { Text } from '@mantine/core'
import { formatPrice } from '../../lib/money.ts'
import { priceWords } from './price-values.ts'

const shownModels = 3

/** The first models of a listing with what they cost now. */
export function OfferedModels({ listing: { models } }: { listing: ListingShown }) {
  const more = models.length - shownModels
  return (
    <div>
      {models.slice(0, shownModels).map((each) => (
        <div key={each.model}>
          <Text size="sm" style={{ overflowWrap: 'anywhere' }}>
            {each.model}
          </Text>
          <Text size="xs" c="dimmed" className="figures">
            {costNow(each)}
          </Text>
        </div>
      ))}
      {more > 0 ? (
        <Text size="xs" c="dimmed">
          and {more} more
        </Text>
      ) : null}
    </div>
  )
}

/** What it comes to now; the rule itself where the catalogue has lost the list price. */
function costNow({ usdPerMTok, price }: ListingShown['models'][number]): string {
  if (usdPerMTok) return `${formatPrice(usdPerMTok.input)} in · ${formatPrice(usdPerMTok.output)} out / M`
  return price ? priceWords(price) : 'no price'
}
