import {
  Checkbox,
  Group,
  Modal,
  PasswordInput,
  SegmentedControl,
  Stack,
  Text,
  TextInput,
} from '@mantine/core'
import { useForm } from '@mantine/form'
import { notifications } from '@mantine/notifications'
import { FormActions } from '../../components/form-actions.tsx'
import { SecretOnce } from '../../components/secret-once.tsx'
import { newPasswordFault } from '../../lib/new-password.ts'
import { type NewUser, useCreateUser } from './queries.ts'

/** First the form; then what has to be handed over, once: a password, or a link that no server will send. */
export function CreateUserDialog({ opened, onClose }: { opened: boolean; onClose: () => void }) {
  const create = useCreateUser()
  const secret = create.data?.password ?? create.data?.invitation?.link
  const isLink = create.data?.invitation?.link !== undefined
  const close = (): void => {
    create.reset()
    onClose()
  }
  const submit = (user: NewUser): void =>
    create.mutate(user, {
      onSuccess: ({ email, password, invitation }) => {
        if (password !== undefined || invitation?.link !== undefined) return
        notifications.show({
          color: 'green',
          title: invitation ? 'Invitation on its way' : 'User created',
          message: invitation ? `${email} gets a mail with a link.` : `${email} can sign in now.`,
        })
        close()
      },
    })
  const title =
    secret === undefined
      ? 'Create a user'
      : `${isLink ? 'Invitation for' : 'Password of'} ${create.data?.email}`
  return (
    <Modal
      opened={opened}
      onClose={close}
      closeOnClickOutside={secret === undefined}
      closeOnEscape={secret === undefined}
      title={<Text fw={650}>{title}</Text>}
    >
      {secret === undefined ? (
        <CreateUserForm busy={create.isPending} error={create.error} onSubmit={submit} onCancel={close} />
      ) : (
        <SecretOnce secret={secret} label={isLink ? 'invitation link' : 'password'} onDone={close}>
          {isLink
            ? `No mail server is set, so nothing was sent. Hand this link to ${create.data?.email} over a channel you trust; it works once, for seven days.`
            : `Hand this password to ${create.data?.email} over a channel you trust. They can change it after signing in.`}
        </SecretOnce>
      )}
    </Modal>
  )
}

interface CreateUserFormProps {
  busy: boolean
  error: unknown
  onSubmit: (user: NewUser) => void
  onCancel: () => void
}

interface Values {
  name: string
  email: string
  way: 'invite' | 'password'
  password: string
  may: string[]
}

function CreateUserForm({ busy, error, onSubmit, onCancel }: CreateUserFormProps) {
  const form = useForm<Values>({
    initialValues: { name: '', email: '', way: 'invite', password: '', may: ['buyer'] },
    validate: {
      name: (name) => (name.trim() === '' ? 'Enter a name' : null),
      email: (email) => (/^\S+@\S+$/.test(email.trim()) ? null : 'Enter an email address'),
      password: (password, { way }) =>
        way === 'invite' || password === '' ? null : newPasswordFault(password),
    },
  })
  return (
    <form noValidate onSubmit={form.onSubmit((values) => onSubmit(newUserOf(values)))}>
      <Stack>
        <TextInput
          label="Name"
          maxLength={100}
          autoComplete="off"
          data-autofocus
          {...form.getInputProps('name')}
        />
        <TextInput label="Email" type="email" autoComplete="off" {...form.getInputProps('email')} />
        <SegmentedControl
          aria-label="How the person gets in"
          fullWidth
          data={[
            { value: 'invite', label: 'Invite by mail' },
            { value: 'password', label: 'Give a password' },
          ]}
          {...form.getInputProps('way')}
        />
        {form.values.way === 'password' ? (
          <PasswordInput
            label="Password"
            description="Leave it empty: the gateway makes a strong one and shows it once."
            autoComplete="new-password"
            {...form.getInputProps('password')}
          />
        ) : (
          <Text size="sm" c="dimmed">
            The person gets a link that works once, for seven days, and chooses the password.
          </Text>
        )}
        <Checkbox.Group label="May" {...form.getInputProps('may')}>
          <Group mt="xs">
            <Checkbox value="buyer" label="buy" />
            <Checkbox value="seller" label="sell" />
            <Checkbox value="operator" label="operate this gateway" />
          </Group>
        </Checkbox.Group>
        <FormActions
          act={form.values.way === 'invite' ? 'Invite user' : 'Create user'}
          busy={busy}
          error={error}
          onCancel={onCancel}
        />
      </Stack>
    </form>
  )
}

function newUserOf({ name, email, way, password, may }: Values): NewUser {
  return {
    name: name.trim(),
    email: email.trim(),
    roles: (['buyer', 'seller'] as const).filter((role) => may.includes(role)),
    operator: may.includes('operator'),
    ...(way === 'invite' ? { invite: true } : password === '' ? {} : { password }),
  }
}
