import { Center, Loader } from '@mantine/core'

/** Shown while the session is restored or a page's code is on its way. */
export function Pending() {
  return (
    <Center mih="60vh">
      <Loader aria-label="Loading" type="dots" />
    </Center>
  )
}
