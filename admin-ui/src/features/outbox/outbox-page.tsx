import { Page } from '../../components/page.tsx'

export function OutboxPage() {
  return (
    <Page title="Outbox" lead="">
      {null}
    </Page>
  )
}
