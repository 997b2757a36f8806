import { createPublicKey, randomBytes, verify } from 'node:crypto'
import { expect, test } from 'vitest'
import { createSigner, publicJwkOf, verifySignature } from './signing.ts'

// RFC 8032 §7.1, TEST 3: what any Ed25519 must say.
const SEED = Buffer.from('c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7', 'hex')
const PUBLIC = 'fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025'
const SIGNATURE =
  '6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a'

test('the key of a seed and its signature are those of RFC 8032', async () => {
  const signer = createSigner({ seed: SEED })
  expect(Buffer.from(signer.publicJwk.x, 'base64url').toString('hex')).toBe(PUBLIC)
  expect((await signer.sign(Buffer.from('af82', 'hex'))).toString('hex')).toBe(SIGNATURE)
})

test('a key is named by its thumbprint as RFC 8037 computes it', () => {
  expect(publicJwkOf('11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo').kid).toBe(
    'kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k',
  )
})

test('a published key is all that somebody else needs to check a signature', async () => {
  const { publicJwk, sign, kid } = createSigner({ seed: randomBytes(32) })
  const bytes = randomBytes(100)
  const signature = await sign(bytes)
  expect(signature).toHaveLength(64)
  expect(publicJwk).toEqual({ kty: 'OKP', crv: 'Ed25519', x: publicJwk.x, kid, use: 'sig', alg: 'EdDSA' })
  expect(verify(null, bytes, createPublicKey({ key: { ...publicJwk }, format: 'jwk' }), signature)).toBe(true)
  expect(verifySignature(publicJwk, bytes, signature)).toBe(true)
})

test('another key, another byte, a cut signature and a broken key verify nothing', async () => {
  const signer = createSigner({ seed: randomBytes(32) })
  const bytes = randomBytes(32)
  const signature = await signer.sign(bytes)
  const other = createSigner({ seed: randomBytes(32) }).publicJwk
  expect(verifySignature(other, bytes, signature)).toBe(false)
  expect(verifySignature(signer.publicJwk, Buffer.concat([bytes, Buffer.of(0)]), signature)).toBe(false)
  for (let bit = 0; bit < 512; bit += 1) {
    const altered = Buffer.from(signature)
    altered[bit >> 3] = (altered[bit >> 3] as number) ^ (1 << (bit & 7))
    expect(verifySignature(signer.publicJwk, bytes, altered), `bit ${bit}`).toBe(false)
  }
  expect(verifySignature(signer.publicJwk, bytes, signature.subarray(0, 63))).toBe(false)
  expect(verifySignature({ ...signer.publicJwk, x: 'AAAA' }, bytes, signature)).toBe(false)
  expect(verifySignature({ ...signer.publicJwk, crv: 'P-256' as 'Ed25519' }, bytes, signature)).toBe(false)
})

test('a seed of another length is refused', () => {
  expect(() => createSigner({ seed: randomBytes(31) })).toThrow(/32 bytes/)
})
