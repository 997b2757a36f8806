import { z } from 'zod'

const names = z.array(z.string().min(1).max(200)).max(100)

/** USD per million tokens, exact. */
const usdPerMTok = z.string().regex(/^\d{1,9}(\.\d{1,6})?$/, "must be USD per million tokens like '0.60'")

/** How requests of a key choose among offers; a request may narrow it further. */
export const keyPolicy = z.strictObject({
  /** `balanced` draws by price and health; `price` takes the cheapest, `throughput` and `latency` the fastest. */
  sort: z.enum(['balanced', 'price', 'throughput', 'latency']).optional(),
  /** Ids of providers, listings or sellers that are tried first, in this order. */
  order: names.optional(),
  /** Nothing else serves. */
  only: names.optional(),
  /** These never serve. */
  ignore: names.optional(),
  allowFallbacks: z.boolean().optional(),
  /** Offers that would leave a parameter of the request unused do not serve. */
  requireParameters: z.boolean().optional(),
  maxPrice: z
    .strictObject({
      prompt: usdPerMTok.optional(),
      completion: usdPerMTok.optional(),
      /** USD per request. */
      request: usdPerMTok.optional(),
    })
    .optional(),
})

export type KeyPolicy = z.output<typeof keyPolicy>
