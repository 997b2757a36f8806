import {
  IconActivity,
  IconBuildingStore,
  IconCash,
  IconChartBar,
  IconChartLine,
  IconFileCertificate,
  IconHome2,
  IconKey,
  IconListDetails,
  IconMail,
  IconMessage,
  IconReceipt2,
  IconRocket,
  IconScale,
  IconServer2,
  IconTags,
  IconUsers,
  IconWallet,
} from '@tabler/icons-react'

/** Every page of the menu, in groups that a role opens. The palette offers the same ones. */
export const RAIL = [
  {
    title: 'Use',
    role: undefined,
    pages: [
      { to: '/', label: 'Overview', icon: IconHome2 },
      { to: '/start', label: 'Get started', icon: IconRocket },
      { to: '/playground', label: 'Playground', icon: IconMessage },
      { to: '/market', label: 'Market', icon: IconTags },
      { to: '/requests', label: 'Requests', icon: IconListDetails },
      { to: '/usage', label: 'Usage', icon: IconChartBar },
      { to: '/keys', label: 'Keys', icon: IconKey },
      { to: '/billing', label: 'Billing', icon: IconWallet },
    ],
  },
  {
    title: 'Sell',
    role: 'seller',
    pages: [
      { to: '/listings', label: 'My listings', icon: IconBuildingStore },
      { to: '/earnings', label: 'Earnings', icon: IconCash },
      { to: '/payouts', label: 'My payouts', icon: IconReceipt2 },
    ],
  },
  {
    title: 'Run',
    role: 'operator',
    pages: [
      { to: '/run', label: 'Operations', icon: IconActivity },
      { to: '/run/users', label: 'Users', icon: IconUsers },
      { to: '/run/usage', label: 'Cost and usage', icon: IconChartLine },
      { to: '/run/listings', label: 'Listings', icon: IconBuildingStore },
      { to: '/run/models', label: 'Models and prices', icon: IconTags },
      { to: '/run/payouts', label: 'Payouts', icon: IconCash },
      { to: '/run/ledger', label: 'Ledger', icon: IconScale },
      { to: '/run/audit', label: 'Audit log', icon: IconFileCertificate },
      { to: '/run/metrics', label: 'Metrics', icon: IconChartLine },
      { to: '/run/system', label: 'System', icon: IconServer2 },
      { to: '/run/outbox', label: 'Outbox', icon: IconMail },
    ],
  },
] as const
