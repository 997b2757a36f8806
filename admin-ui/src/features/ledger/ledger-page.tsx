import { Stack } from '@mantine/core'
import { Page } from '../../components/page.tsx'
import { usePageSearch } from '../../lib/use-page-search.ts'
import { AccountList } from './account-list.tsx'
import { AccountView } from './account-view.tsx'
import { JournalDrawer } from './journal-drawer.tsx'
import { StatusCard } from './status-card.tsx'

/** Are the books in order, and how did this amount come about? */
export function LedgerPage() {
  const { search, set } = usePageSearch()
  const { account, journal } = search
  const openJournal = (id: string) => set({ journal: id }, { push: true })
  return (
    <Page
      title="Ledger"
      lead="Every account, what was booked on it, and why: from an account to its entries to the journal behind one. Nothing here can be changed."
    >
      <Stack gap="lg">
        <StatusCard />
        {account === undefined ? (
          <AccountList onOpen={(key) => set({ account: key }, { push: true })} />
        ) : (
          <AccountView
            accountKey={account}
            opened={journal}
            onJournal={openJournal}
            onBack={() => set({ account: undefined }, { push: true })}
          />
        )}
      </Stack>
      <JournalDrawer
        id={journal}
        onClose={() => set({ journal: undefined })}
        onAccount={(key) => set({ account: key, journal: undefined }, { push: true })}
        onJournal={openJournal}
      />
    </Page>
  )
}
