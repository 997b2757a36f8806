/**
 * What a route of `/api` is, as data: its path, who may call it, what it takes and what it answers. The route is
 * mounted from it (serve-operation.ts), the OpenAPI document is made from it, the permission tests walk through it, and
 * the console takes its types from it. Pure: it imports zod and nothing else, so that a browser's types can follow it.
 */
import { z } from 'zod'

/**
 * Who may call: `anyone`; `caller`, a person or any API key, told apart by the handler itself; `reader`, a person or an
 * API key with the scope `read`; `user`, a person; or a person with that role. Whose objects they reach is the room's
 * own rule.
 */
export type Access = 'anyone' | 'caller' | 'reader' | 'user' | 'buyer' | 'seller' | 'operator'

export interface OperationFields<
  Query extends z.ZodType,
  Body extends z.ZodType,
  Answer extends z.ZodType | undefined,
> {
  method: 'get' | 'post' | 'put' | 'patch' | 'delete'
  /** From the root, parameters as Express writes them: `/api/users/:id`. */
  path: string
  /** One line, in a user's words. */
  summary: string
  /** Further sentences for the reference. */
  description?: string
  access: Access
  query?: Query
  body?: Body
  /** A body that the handler reads itself, before any parser: described here, checked there. */
  ownBody?: z.ZodType
  /** The JSON of a success; `undefined` for 204. */
  answer: Answer
  /** 200 unless told, 204 without an answer. */
  status?: 200 | 201 | 202 | 204
  /** The handler writes the answer itself, in one of these types; only JSON has the schema of `answer`. */
  media?:
    | 'application/json'
    | 'text/event-stream'
    | 'text/csv'
    | 'application/json; text/csv'
    | 'application/json; application/jose'
}

export interface Operation<
  Query extends z.ZodType = z.ZodType,
  Body extends z.ZodType = z.ZodType,
  Answer extends z.ZodType | undefined = z.ZodType | undefined,
> extends OperationFields<Query, Body, Answer> {
  kind: 'operation'
}

export function operation<
  Answer extends z.ZodType | undefined,
  Query extends z.ZodType = z.ZodUndefined,
  Body extends z.ZodType = z.ZodUndefined,
>(fields: OperationFields<Query, Body, Answer>): Operation<Query, Body, Answer> {
  return { kind: 'operation', ...fields }
}

export function isOperation(value: unknown): value is Operation {
  return typeof value === 'object' && value !== null && (value as Operation).kind === 'operation'
}

/** Whole nano-dollars (1e-9 USD) as a string, so that no reader turns them into a float. */
export const nanosShown = z
  .string()
  .regex(/^-?\d+$/)
  .meta({ description: 'Nano-dollars (1e-9 USD).' })
export const timeShown = z.iso.datetime().meta({ description: 'UTC, to the millisecond.' })

/** Every list answers this; `nextCursor` goes into `cursor` for the page after. */
export const pageAnswer = <Item extends z.ZodType>(item: Item) =>
  z.strictObject({ data: z.array(item), hasMore: z.boolean(), nextCursor: z.string().nullable() })
