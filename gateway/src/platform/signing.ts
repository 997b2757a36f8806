/** Signatures that anybody can check without us: Ed25519 (RFC 8032), keys shown as JSON Web Keys (RFC 8037). */
import {
  createPrivateKey,
  createPublicKey,
  hash,
  type JsonWebKey,
  type KeyObject,
  sign,
  verify,
} from 'node:crypto'
import { canonicalJson } from './canonical-json.ts'

/** A public key as JWKS shows it. */
export interface PublicJwk {
  kty: 'OKP'
  crv: 'Ed25519'
  /** The 32 bytes of the key, base64url. */
  x: string
  kid: string
  use: 'sig'
  alg: 'EdDSA'
}

export interface Signer {
  /** The key's RFC 7638 thumbprint, base64url: the same key has the same name everywhere. */
  kid: string
  publicJwk: PublicJwk
  /** 64 bytes, made on libuv's pool and not on the event loop. */
  sign(bytes: Uint8Array): Promise<Buffer>
}

// RFC 8410: what stands before the 32 bytes of a private key in PKCS #8.
const PKCS8_PREFIX = Buffer.from('302e020100300506032b657004220420', 'hex')
const SEED_BYTES = 32

/** Signs with the Ed25519 key of this 32-byte seed; throws when it has another length. */
export function createSigner({ seed }: { seed: Buffer }): Signer {
  if (seed.length !== SEED_BYTES) throw new Error(`A signing key is made of ${SEED_BYTES} bytes.`)
  const encoded = Buffer.concat([PKCS8_PREFIX, seed])
  const privateKey = createPrivateKey({ key: encoded, format: 'der', type: 'pkcs8' })
  encoded.fill(0)
  const x = createPublicKey(privateKey).export({ format: 'jwk' }).x as string
  const publicJwk = publicJwkOf(x)
  return {
    kid: publicJwk.kid,
    publicJwk,
    sign: (bytes) =>
      new Promise((resolve, reject) =>
        sign(null, bytes, privateKey, (error, signature) => (error ? reject(error) : resolve(signature))),
      ),
  }
}

/** The JWKS entry of the public key `x` (32 bytes, base64url), named by its thumbprint. */
export function publicJwkOf(x: string): PublicJwk {
  const kid = hash('sha256', canonicalJson({ crv: 'Ed25519', kty: 'OKP', x }), 'base64url')
  return { kty: 'OKP', crv: 'Ed25519', x, kid, use: 'sig', alg: 'EdDSA' }
}

/** Whether `signature` is this key's over exactly these bytes; `false` also for what is no key or no signature. */
export function verifySignature(
  jwk: Pick<PublicJwk, 'kty' | 'crv' | 'x'>,
  bytes: Uint8Array,
  signature: Uint8Array,
): boolean {
  const key = publicKeyOf(jwk)
  return key !== undefined && verify(null, bytes, key, signature)
}

function publicKeyOf({ kty, crv, x }: Pick<PublicJwk, 'kty' | 'crv' | 'x'>): KeyObject | undefined {
  if (kty !== 'OKP' || crv !== 'Ed25519') return undefined
  try {
    return createPublicKey({ key: { kty, crv, x } satisfies JsonWebKey, format: 'jwk' })
  } catch {
    return undefined
  }
}
