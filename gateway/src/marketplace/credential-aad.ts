/**
 * What a sealed credential is bound to. A key opened under another listing, seller or origin does not open at all:
 * whoever changes where a listing points must bring the key anew.
 */
export function credentialAad({ listingId, organisationId, baseUrl }: CredentialBinding): string {
  return `v1|listing:${listingId}|seller:${organisationId}|origin:${new URL(baseUrl).origin}`
}

export interface CredentialBinding {
  listingId: string
  organisationId: string
  baseUrl: string
}
