import type { ListingShown } from '@bourse/gateway/api/marketplace'
import { Alert, Loader, Stack, Stepper, Text } from '@mantine/core'
import { IconAlertTriangle, IconCheck } from '@tabler/icons-react'
import { Moment } from '../../components/moment.tsx'

const STEPS = [
  { step: 'listing_models', label: 'Key', means: 'The key lists its models' },
  { step: 'probing', label: 'Probe', means: 'One of them answers a single token' },
  { step: 'market', label: 'Market', means: 'On offer to buyers' },
]

/** How far the verification of a key is, or what it came to and what to do about it. */
export function VerificationProgress({ listing }: { listing: ListingShown }) {
  const { verification, state } = listing
  if (state === 'verifying') return <UnderWay listing={listing} />
  if (!verification?.message || state === 'active') return null
  return (
    <Alert color="yellow" icon={<IconAlertTriangle aria-hidden />} title="The key was not verified">
      <Stack gap={4}>
        <Text size="sm">{verification.message}</Text>
        <Tries listing={listing} />
      </Stack>
    </Alert>
  )
}

function UnderWay({ listing }: { listing: ListingShown }) {
  const at = STEPS.findIndex(({ step }) => step === listing.verification?.step)
  const message = listing.verification?.message
  return (
    <Stack gap="sm" aria-live="polite">
      <Stepper active={Math.max(0, at)} size="sm" iconSize={30} orientation="horizontal">
        {STEPS.map(({ step, label, means }, index) => (
          <Stepper.Step
            key={step}
            label={label}
            description={means}
            {...(index === Math.max(0, at) ? { icon: <Loader size={14} aria-label="under way" /> } : {})}
            completedIcon={<IconCheck size={16} aria-hidden />}
          />
        ))}
      </Stepper>
      {message ? (
        <Text size="sm" c="dimmed">
          {message}
        </Text>
      ) : null}
      <Tries listing={listing} />
    </Stack>
  )
}

function Tries({ listing: { verification } }: { listing: ListingShown }) {
  if (!verification || verification.attempts === 0) return null
  const { attempts, checkedAt, unlisted } = verification
  return (
    <Text size="xs" c="dimmed" component="div">
      Tried {attempts === 1 ? 'once' : `${attempts} times`}
      {checkedAt ? (
        <>
          , last <Moment at={checkedAt} />
        </>
      ) : null}
      .{unlisted?.length ? ` The key does not list ${unlisted.join(', ')}.` : ''}
    </Text>
  )
}
