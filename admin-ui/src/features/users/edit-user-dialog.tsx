import type { UserDetailShown } from '@bourse/gateway/api/users'
import { Checkbox, Group, Modal, Stack, Text, TextInput } from '@mantine/core'
import { useForm } from '@mantine/form'
import { FormActions } from '../../components/form-actions.tsx'
import { useChangeUser } from './queries.ts'

/** Name, address and what the person may do. */
export function EditUserDialog({ user, onClose }: { user: UserDetailShown; onClose: () => void }) {
  const change = useChangeUser()
  const form = useForm({
    initialValues: {
      name: user.name,
      email: user.email,
      may: user.roles.filter((role) => role !== 'owner') as string[],
    },
    validate: {
      name: (name) => (name.trim() === '' ? 'Enter a name' : null),
      email: (email) => (/^\S+@\S+$/.test(email.trim()) ? null : 'Enter an email address'),
    },
  })
  const submit = ({ name, email, may }: typeof form.values): void => {
    const isNewAddress = email.trim().toLowerCase() !== user.email
    const operator = may.includes('operator')
    const changes = {
      name: name.trim(),
      ...(isNewAddress ? { email: email.trim() } : {}),
      roles: (['buyer', 'seller'] as const).filter((role) => may.includes(role)),
      ...(operator === user.operator ? {} : { operator }),
    }
    change.mutate({ id: user.id, changes }, { onSuccess: onClose })
  }
  return (
    <Modal opened onClose={onClose} title={<Text fw={650}>Change {user.name}</Text>}>
      <form noValidate onSubmit={form.onSubmit(submit)}>
        <Stack>
          <TextInput label="Name" maxLength={100} data-autofocus {...form.getInputProps('name')} />
          <TextInput
            label="Email"
            type="email"
            description="A link that went to the old address ends."
            {...form.getInputProps('email')}
          />
          <Checkbox.Group label="May" {...form.getInputProps('may')}>
            <Group mt="xs">
              <Checkbox value="buyer" label="buy" />
              <Checkbox value="seller" label="sell" />
              <Checkbox value="operator" label="operate this gateway" />
            </Group>
          </Checkbox.Group>
          <FormActions act="Save" busy={change.isPending} error={change.error} onCancel={onClose} />
        </Stack>
      </form>
    </Modal>
  )
}
