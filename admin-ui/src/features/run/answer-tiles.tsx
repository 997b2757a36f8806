import type { Overview } from '@bourse/gateway/api/admin'
import { Anchor, SimpleGrid } from '@mantine/core'
import { IconBuildingStore, IconCash, IconScale, IconWallet } from '@tabler/icons-react'
import { Link } from '@tanstack/react-router'
import { HeadlineMoney } from '../../components/money.tsx'
import { StatTile } from '../../components/stat-tile.tsx'
import { checkWords, sealAge } from './overview-words.ts'

/** Four questions an operator wakes up with, answered. */
export function AnswerTiles({ overview }: { overview: Overview }) {
  const { ledger, waiting, owedNanos } = overview
  const payouts = waiting.payouts + waiting.payoutsToBook
  return (
    <SimpleGrid cols={{ base: 1, xs: 2, lg: 4 }}>
      <StatTile
        icon={IconWallet}
        title="Buyers owe us"
        value={owedNanos === '0' ? 'Nothing' : <HeadlineMoney nanos={owedNanos} />}
        note={
          owedNanos === '0'
            ? 'Every balance covers what was asked of it.'
            : 'What balances did not cover; it is owed.'
        }
      />
      <StatTile
        icon={IconScale}
        title="Ledger"
        value={ledger.failed.length === 0 ? 'In order' : 'Not in order'}
        note={
          ledger.failed.length === 0
            ? sealAge(ledger, Date.now())
            : `${ledger.failed.map((check) => checkWords[check]).join('; ')}. Run npm run audit.`
        }
      />
      <StatTile
        icon={IconCash}
        title="Payouts wait for you"
        value={payouts}
        note={
          payouts === 0 ? (
            'Nobody waits for money.'
          ) : (
            <Anchor component={Link} underline="always" inherit to="/run/payouts">
              {waiting.payouts} to decide, {waiting.payoutsToBook} to book
            </Anchor>
          )
        }
      />
      <StatTile
        icon={IconBuildingStore}
        title="In quarantine"
        value={waiting.quarantined}
        note={
          waiting.quarantined + waiting.verifying === 0 ? (
            'No listing is, and none is being verified.'
          ) : (
            <Anchor component={Link} underline="always" inherit to="/run/listings">
              {waiting.verifying} being verified, {waiting.openCases} open cases
            </Anchor>
          )
        }
      />
    </SimpleGrid>
  )
}
