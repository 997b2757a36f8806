import type { LinkTarget, PublicSettings } from '@bourse/gateway/api/users'
import { useMutation, useQuery } from '@tanstack/react-query'
import { useRouter } from '@tanstack/react-router'
import { useApi, useServices } from '../../lib/services.ts'
import { useRead } from '../../lib/use-read.ts'

export function usePublicSettings() {
  return useRead<PublicSettings>('/api/public-settings')
}

/** Who a link is for; an error when it is not valid any more. */
export function useLinkTarget(kind: 'invitation' | 'reset' | 'verification', token: string | undefined) {
  const api = useApi()
  return useQuery({
    queryKey: ['/api/links', kind, token],
    queryFn: () =>
      api.call('/api/links', (json) => json as LinkTarget, {
        method: 'POST',
        body: { kind, token },
        anonymous: true,
      }),
    enabled: token !== undefined,
    retry: false,
    // Asked again it would be refused: a link works once.
    staleTime: Number.POSITIVE_INFINITY,
    gcTime: 0,
  })
}

/** Signs in by a link and goes to the first page. */
export function useEnter(path: '/api/join' | '/api/verify', page: string) {
  const { session } = useServices()
  const router = useRouter()
  return useMutation({
    mutationFn: (proof: { token: string; password: string }) => session.enter(path, proof),
    onSuccess: () => router.navigate({ href: `/console${page}`, replace: true }),
  })
}

/** A post by a visitor, answered with nothing to show. */
export function useVisitorPost<Body>(path: string) {
  const api = useApi()
  return useMutation({
    mutationFn: (body: Body) => api.call(path, () => undefined, { method: 'POST', body, anonymous: true }),
  })
}
