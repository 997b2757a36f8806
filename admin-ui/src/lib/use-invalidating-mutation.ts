import { type UseMutationResult, useMutation, useQueryClient } from '@tanstack/react-query'

/** A write after which the lists under `stale` are asked for again. */
export function useInvalidatingMutation<Input, Result>(
  stale: readonly string[],
  mutationFn: (input: Input) => Promise<Result>,
): UseMutationResult<Result, Error, Input> {
  const queryClient = useQueryClient()
  return useMutation({
    mutationFn,
    onSettled: () => {
      // Not awaited: the answer is shown at once, also when the list behind it is slow to come.
      for (const key of stale) void queryClient.invalidateQueries({ queryKey: [key] })
    },
  })
}
