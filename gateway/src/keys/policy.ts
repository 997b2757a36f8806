import { z } from 'zod'

const names = z.array(z.string().min(1).max(200)).max(100)

/** USD per million tokens, exact. */
const usdPerMTok = z.string().regex(/^\d{1,9}(\.\d{1,6})?$/, "must be USD per million tokens like '0.60'")

/** How requests of a key choose among offers; a request may narrow it further. */
export const keyPolicy = z.strictObject({
  /** `balanced` draws by price and health; `price` takes the cheapest. */
  sort: z.enum(['balanced', 'price']).optional(),
  /** Ids of providers or listings: nothing else serves. */
  only: names.optional(),
  /** Ids of providers or listings that never serve. */
  ignore: names.optional(),
  allowFallbacks: z.boolean().optional(),
  maxPrice: z.strictObject({ prompt: usdPerMTok.optional(), completion: usdPerMTok.optional() }).optional(),
})

export type KeyPolicy = z.output<typeof keyPolicy>
