/** A model may only call what the request offered it: anything else is a fault, or somebody else's words. */
import type { ChatRequest } from '../providers/chat.ts'
import type { UpstreamFailure } from '../providers/outcome.ts'

/** The failure of an answer that calls `names`; `undefined` when `request` declares them all. */
export function undeclaredCall(request: ChatRequest, names: readonly string[]): UpstreamFailure | undefined {
  if (names.length === 0) return undefined
  const declared = declaredTools(request)
  const undeclared = names.find((name) => !declared.has(name))
  if (undeclared === undefined) return undefined
  return {
    class: 'malformed',
    message: `a call of '${undeclared.slice(0, 64)}', which the request does not declare`,
    integrity: 'undeclared_tool',
  }
}

function declaredTools({ tools, functions }: ChatRequest): Set<string> {
  const named = [...(tools ?? []).flatMap(({ function: fn, custom }) => [fn, custom]), ...listOf(functions)]
  return new Set(named.flatMap((tool) => nameOf(tool) ?? []))
}

function listOf(value: unknown): unknown[] {
  return Array.isArray(value) ? value : []
}

function nameOf(tool: unknown): string | undefined {
  const name = typeof tool === 'object' && tool !== null ? (tool as { name?: unknown }).name : undefined
  return typeof name === 'string' ? name : undefined
}
