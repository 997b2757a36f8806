import { Anchor, Card } from '@mantine/core'
import { Link, useParams } from '@tanstack/react-router'
import { Page } from '../../components/page.tsx'
import { RequestDetail } from './request-detail.tsx'

export function RequestPage() {
  const { id = '' } = useParams({ strict: false }) as { id?: string }
  return (
    <Page
      title="Request"
      lead="What became of it, where the time went, why this seller, and what it cost."
      actions={
        <Anchor component={Link} to="/requests" size="sm">
          All requests
        </Anchor>
      }
    >
      <Card>
        <RequestDetail id={id} />
      </Card>
    </Page>
  )
}
