import type { TwoFactorShown } from '@bourse/gateway/api/users'
import { Badge, Button, Group, Stack, Text } from '@mantine/core'
import { useState } from 'react'
import { Moment } from '../../components/moment.tsx'
import { QueryView } from '../../components/query-view.tsx'
import { BackupCodes } from './backup-codes.tsx'
import { PasswordDialog } from './password-dialog.tsx'
import { useDisableTwoFactor, useRenewBackupCodes, useTwoFactor } from './queries.ts'
import { SectionCard } from './section-card.tsx'
import { SetUpDialog } from './set-up-dialog.tsx'

const fewCodes = 3

export function TwoFactorCard() {
  const state = useTwoFactor()
  // Kept here: when it is on, the state below changes while the backup codes are still to be shown.
  const [isSettingUp, setSettingUp] = useState(false)
  return (
    <SectionCard
      title="Two-factor sign-in"
      lead="After the password, a code of an authenticator app: a stolen password alone opens nothing."
    >
      <QueryView query={state} rows={2}>
        {(shown) =>
          shown.enabledAt === null ? (
            <Off onTurnOn={() => setSettingUp(true)} />
          ) : (
            <On state={shown} since={shown.enabledAt} />
          )
        }
      </QueryView>
      {isSettingUp ? <SetUpDialog onClose={() => setSettingUp(false)} /> : null}
    </SectionCard>
  )
}

function Off({ onTurnOn }: { onTurnOn: () => void }) {
  return (
    <Group>
      <Badge color="gray">off</Badge>
      <Button variant="default" onClick={onTurnOn}>
        Turn on
      </Button>
    </Group>
  )
}

function On({ state, since }: { state: TwoFactorShown; since: string }) {
  const [doing, setDoing] = useState<'codes' | 'off'>()
  const renew = useRenewBackupCodes()
  const disable = useDisableTwoFactor()
  const close = (): void => {
    setDoing(undefined)
    renew.reset()
    disable.reset()
  }
  const { backupCodesLeft: left } = state
  return (
    <Stack gap="sm">
      <Group gap="sm">
        <Badge color="green">on</Badge>
        <Text size="sm">
          since <Moment at={since} as="day" />
        </Text>
      </Group>
      <Text size="sm" fw={left < fewCodes ? 600 : undefined}>
        {left === 0
          ? 'No backup code is left: make new ones, or a lost phone locks you out.'
          : `${left} backup ${left === 1 ? 'code is' : 'codes are'} left.`}
      </Text>
      <Group gap="sm">
        <Button variant="default" onClick={() => setDoing('codes')}>
          New backup codes
        </Button>
        <Button variant="default" onClick={() => setDoing('off')}>
          Turn off
        </Button>
      </Group>
      <PasswordDialog
        opened={doing === 'codes'}
        title={renew.data ? 'Your new backup codes' : 'New backup codes'}
        act="Make new codes"
        why="The old codes stop working."
        busy={renew.isPending}
        error={renew.error}
        onSubmit={(password) => renew.mutate(password)}
        onClose={close}
      >
        {renew.data ? <BackupCodes codes={renew.data.backupCodes} onDone={close} /> : null}
      </PasswordDialog>
      <PasswordDialog
        opened={doing === 'off'}
        title="Turn two-factor sign-in off?"
        act="Turn off"
        why="Afterwards your password alone opens your account."
        busy={disable.isPending}
        error={disable.error}
        onSubmit={(password) => disable.mutate(password, { onSuccess: close })}
        onClose={close}
      />
    </Stack>
  )
}
