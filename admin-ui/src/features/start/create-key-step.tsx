import { Alert, Button, Group, Stack, Text, TextInput } from '@mantine/core'
import { useForm } from '@mantine/form'
import { IconEyeOff } from '@tabler/icons-react'
import { CopyLine } from '../../components/code-block.tsx'
import { ErrorPanel } from '../../components/error-panel.tsx'
import { parseUsdInput } from '../../lib/money.ts'
import { useCreateKey } from '../keys/queries.ts'

interface CreateKeyStepProps {
  secret: string | undefined
  onCreated: (secret: string) => void
}

/** Makes a key and hands it to the snippets below; it lives as long as this page is open. */
export function CreateKeyStep({ secret, onCreated }: CreateKeyStepProps) {
  const create = useCreateKey()
  const form = useForm({
    initialValues: { name: 'first key', budgetUsd: '5' },
    validate: {
      name: (name) => (name.trim() === '' ? 'Give it a name you will recognise' : null),
      budgetUsd: (budget) =>
        budget === '' || parseUsdInput(budget) !== undefined ? null : 'Write dollars such as 5 or 12.50',
    },
  })
  if (secret !== undefined)
    return (
      <Stack gap="sm">
        <Alert color="yellow" icon={<IconEyeOff aria-hidden />} title="Shown only now">
          Copy the key and store it: the gateway keeps only a hash. The snippets below hold it until you leave
          this page.
        </Alert>
        <CopyLine value={secret} label="API key" />
      </Stack>
    )
  const submit = ({ name, budgetUsd }: typeof form.values): void => {
    const budget = parseUsdInput(budgetUsd)
    create.mutate(
      {
        name: name.trim(),
        ...(budget === undefined ? {} : { budget: { limitNanos: budget.toString(), period: 'month' } }),
      },
      { onSuccess: ({ key }) => onCreated(key) },
    )
  }
  return (
    <form noValidate onSubmit={form.onSubmit(submit)}>
      <Stack gap="sm">
        <Text size="sm">
          Your programs call with it, and every request is paid from your balance, up to the budget.
        </Text>
        <Group align="flex-start" gap="md">
          <TextInput label="Name" maxLength={100} {...form.getInputProps('name')} />
          <TextInput
            label="Budget a month in USD"
            placeholder="no limit"
            inputMode="decimal"
            {...form.getInputProps('budgetUsd')}
          />
        </Group>
        {create.error ? <ErrorPanel error={create.error} /> : null}
        <Button type="submit" loading={create.isPending} w="fit-content">
          Create a key
        </Button>
      </Stack>
    </form>
  )
}
