import { Button, Checkbox, Group, Modal, PasswordInput, Stack, Text, TextInput } from '@mantine/core'
import { useForm } from '@mantine/form'
import { notifications } from '@mantine/notifications'
import { ErrorPanel } from '../../components/error-panel.tsx'
import { SecretOnce } from '../../components/secret-once.tsx'
import { type NewUser, useCreateUser } from './queries.ts'

const leastPasswordCharacters = 12

/** First the form; then, when the gateway made the password, the password once. */
export function CreateUserDialog({ opened, onClose }: { opened: boolean; onClose: () => void }) {
  const create = useCreateUser()
  const password = create.data?.password
  const close = (): void => {
    create.reset()
    onClose()
  }
  const submit = (user: NewUser): void =>
    create.mutate(user, {
      onSuccess: (created) => {
        if (created.password !== undefined) return
        notifications.show({
          color: 'green',
          title: 'User created',
          message: `${created.email} can sign in now.`,
        })
        close()
      },
    })
  return (
    <Modal
      opened={opened}
      onClose={close}
      closeOnClickOutside={password === undefined}
      closeOnEscape={password === undefined}
      title={
        <Text fw={650}>{password === undefined ? 'Create a user' : `Password of ${create.data?.email}`}</Text>
      }
    >
      {password === undefined ? (
        <CreateUserForm busy={create.isPending} error={create.error} onSubmit={submit} onCancel={close} />
      ) : (
        <SecretOnce secret={password} label="password" onDone={close}>
          Hand this password to {create.data?.email} over a channel you trust. They can change it after
          signing in.
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

function CreateUserForm({ busy, error, onSubmit, onCancel }: CreateUserFormProps) {
  const form = useForm({
    initialValues: { name: '', email: '', password: '', buyer: true, seller: false, operator: false },
    validate: {
      name: (name) => (name.trim() === '' ? 'Enter a name' : null),
      email: (email) => (/^\S+@\S+$/.test(email.trim()) ? null : 'Enter an email address'),
      password: (password) =>
        password === '' || password.length >= leastPasswordCharacters
          ? null
          : `Use at least ${leastPasswordCharacters} characters, or leave it empty`,
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
        <PasswordInput
          label="Password"
          description="Leave it empty: the gateway makes a strong one and shows it once."
          autoComplete="new-password"
          {...form.getInputProps('password')}
        />
        <Checkbox.Group
          label="May"
          value={rolesOf(form.values)}
          onChange={(roles) => form.setValues(flagsOf(roles))}
        >
          <Group mt="xs">
            <Checkbox value="buyer" label="buy" />
            <Checkbox value="seller" label="sell" />
            <Checkbox value="operator" label="operate this gateway" />
          </Group>
        </Checkbox.Group>
        {error ? <ErrorPanel error={error} /> : null}
        <Group justify="flex-end">
          <Button variant="default" onClick={onCancel}>
            Cancel
          </Button>
          <Button type="submit" loading={busy}>
            Create user
          </Button>
        </Group>
      </Stack>
    </form>
  )
}

interface Flags {
  buyer: boolean
  seller: boolean
  operator: boolean
}

const allRoles = ['buyer', 'seller', 'operator'] as const

function rolesOf(flags: Flags): string[] {
  return allRoles.filter((role) => flags[role])
}

function flagsOf(roles: readonly string[]): Flags {
  return {
    buyer: roles.includes('buyer'),
    seller: roles.includes('seller'),
    operator: roles.includes('operator'),
  }
}

function newUserOf(values: Flags & { name: string; email: string; password: string }): NewUser {
  return {
    name: values.name.trim(),
    email: values.email.trim(),
    roles: (['buyer', 'seller'] as const).filter((role) => values[role]),
    operator: values.operator,
    ...(values.password === '' ? {} : { password: values.password }),
  }
}
