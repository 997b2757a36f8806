/** The opened credentials of the listings that are called: few, for a short time, and gone when a listing changes. */
import { LRUCache } from 'lru-cache'
import type { Logger } from '../platform/logger.ts'
import type { Secret } from '../platform/secret.ts'
import type { Sealer } from '../platform/secrets.ts'
import { CallRefused } from './place.ts'

export interface SealedCredential {
  sealedCredential: Uint8Array
  credentialAad: string
}

export interface Credentials {
  /** At once when it is open already. */
  known(credential: SealedCredential): Secret | undefined
  /** Rejects with `CallRefused` when it cannot be opened. */
  open(credential: SealedCredential): Promise<Secret>
  /** Forgets all but those bound like this. */
  keepOnly(aads: ReadonlySet<string>): void
}

// More than a node calls in a minute.
const MAX_OPEN = 10_000
const OPEN_MS = 60_000
// One that could not be opened is not tried with every request.
const FAILED_MS = 1_000

interface Opened {
  sealed: Uint8Array
  secret: Secret | undefined
}

export function createCredentials({ sealer, logger }: { sealer: Sealer; logger: Logger }): Credentials {
  const opened = new LRUCache<string, Opened>({
    max: MAX_OPEN,
    ttl: OPEN_MS,
    ttlResolution: 1_000,
    ttlAutopurge: true,
  })
  const opening = new Map<string, { sealed: Uint8Array; secret: Promise<Secret> }>()

  function find({ sealedCredential, credentialAad }: SealedCredential): Opened | undefined {
    const found = opened.get(credentialAad)
    if (!found || !isSame(found.sealed, sealedCredential)) return undefined
    // The market was read again: from now on the comparison is one of references.
    found.sealed = sealedCredential
    return found
  }

  async function unseal({ sealedCredential: sealed, credentialAad }: SealedCredential): Promise<Secret> {
    try {
      const secret = await sealer.open(sealed, credentialAad)
      opened.set(credentialAad, { sealed, secret })
      return secret
    } catch (error) {
      opened.set(credentialAad, { sealed, secret: undefined }, { ttl: FAILED_MS })
      logger.error({ err: error, bound: credentialAad }, 'the credential of a listing cannot be opened')
      throw notOpened()
    }
  }

  return {
    known: (credential) => find(credential)?.secret,
    async open(credential) {
      const found = find(credential)
      if (found?.secret) return found.secret
      if (found) throw notOpened()
      const { credentialAad, sealedCredential } = credential
      const running = opening.get(credentialAad)
      if (running && isSame(running.sealed, sealedCredential)) return running.secret
      const secret = unseal(credential)
      opening.set(credentialAad, { sealed: sealedCredential, secret })
      try {
        return await secret
      } finally {
        if (opening.get(credentialAad)?.secret === secret) opening.delete(credentialAad)
      }
    },
    keepOnly(aads) {
      for (const aad of opened.keys()) if (!aads.has(aad)) opened.delete(aad)
    },
  }
}

function notOpened(): CallRefused {
  return new CallRefused('the credential of this listing cannot be opened')
}

function isSame(one: Uint8Array, other: Uint8Array): boolean {
  return one === other || Buffer.compare(one, other) === 0
}
