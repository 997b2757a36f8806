import { Page } from '../../components/page.tsx'
import { BalanceCards } from './balance-cards.tsx'
import { ConnectCard } from './connect-card.tsx'
import { StatementCard } from './statement-card.tsx'

/** What do I have, how do I call, what did it cost? */
export function OverviewPage() {
  return (
    <Page title="Overview" lead="What you have, how to call this gateway, and what it cost.">
      <BalanceCards />
      <ConnectCard />
      <StatementCard />
    </Page>
  )
}
