import { Kbd, Modal, Table, Text } from '@mantine/core'

const shortcuts = [
  { keys: ['Ctrl', 'K'], or: ['⌘', 'K'], does: 'Search pages, models, keys, listings and requests' },
  { keys: ['/'], does: 'Search on this page' },
  { keys: ['j'], does: 'Next row of a list' },
  { keys: ['k'], does: 'Previous row of a list' },
  { keys: ['Enter'], does: 'Open the row' },
  { keys: ['Esc'], does: 'Close what is open' },
  { keys: ['?'], does: 'This help' },
] as const

/** What the keyboard can do. */
export function HelpDialog({ opened, onClose }: { opened: boolean; onClose: () => void }) {
  return (
    <Modal opened={opened} onClose={onClose} title="Keyboard shortcuts" size="md">
      <Table>
        <Table.Tbody>
          {shortcuts.map(({ keys, does, ...rest }) => (
            <Table.Tr key={does}>
              <Table.Th scope="row" w={150} fw={400}>
                <Keys keys={keys} />
                {'or' in rest ? (
                  <>
                    {' or '}
                    <Keys keys={rest.or} />
                  </>
                ) : null}
              </Table.Th>
              <Table.Td>{does}</Table.Td>
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
      <Text size="sm" c="dimmed" mt="sm">
        Shortcuts rest while you type. Tab goes through everything; the first Tab on a page offers to skip the
        menu.
      </Text>
    </Modal>
  )
}

function Keys({ keys }: { keys: readonly string[] }) {
  return (
    <span style={{ whiteSpace: 'nowrap' }}>
      {keys.map((key, index) => (
        <span key={key}>
          {index > 0 ? ' ' : ''}
          <Kbd>{key}</Kbd>
        </span>
      ))}
    </span>
  )
}
