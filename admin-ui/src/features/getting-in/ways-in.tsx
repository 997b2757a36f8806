import { Anchor } from '@mantine/core'
import { Link } from '@tanstack/react-router'

export function ToSignIn({ children }: { children: string }) {
  return (
    <Anchor component={Link} to="/sign-in" inherit underline="always">
      {children}
    </Anchor>
  )
}
