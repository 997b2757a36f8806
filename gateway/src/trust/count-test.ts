/**
 * The running test of one listing's reported counts: can it still be honest? It is a bet against honesty whose stake
 * does not grow on average while the listing is honest. That it ever reaches `1 / alpha` therefore has a chance of at
 * most `alpha`, however long it runs and however often it is looked at (Ville's inequality). Nothing is assumed about
 * the shape of honest noise, only about its mean: see `HONEST_MEAN`.
 */

/** How honest counts of a model lie about ours: `offset + ratio x own`, give or take a slack. */
export interface Noise {
  /** Tokens. */
  offset: number
  ratio: number
  /** Excess that takes a score from 0 to 1: so many tokens, and so many per token of our own count. */
  slackTokens: number
  slackShare: number
}

/** One count of one answer, in tokens: what the seller reported, what we counted, and what may lie between. */
export interface CountPair {
  reported: number
  own: number
  noise: Noise
}

/** Changed in place by `observe`. */
export interface CountTest {
  /** Natural logarithms of the stakes: for each size of bet on the prompt, on the completion and on both. */
  logStakes: Float64Array
  observations: number
}

/**
 * What an honest listing's score may be on average, at every size of answer: a steady excess of a quarter of the
 * slack, or one answer in four that is wildly off, or anything between.
 */
export const HONEST_MEAN = 0.25

/** An honest listing is accused at most once in a thousand lives. */
export const FALSE_ALARMS = 0.001

// Shares of the largest bet, 1 / HONEST_MEAN, which loses everything at a score of 0. Small ones find a small steady
// excess, large ones find a gross one within a few answers.
const BET_SHARES = [0.08, 0.22, 0.45, 0.75]
const SIDES = 3

// A seller who was honest for long has a stake near nothing against him. So the stake is not all there from the
// beginning: a part of it comes with every so many answers, 1 / (k + 1)(k + 2) of it with the kth, the whole being 1.
const PART_EVERY = 200

export function newCountTest(): CountTest {
  return { logStakes: new Float64Array(BET_SHARES.length * SIDES).fill(Math.log(1 / 2)), observations: 0 }
}

/** 0 when nothing is claimed beyond the honest line, 1 when the excess is the whole slack or more. */
export function scoreOf({ reported, own, noise }: CountPair): number {
  const excess = reported - noise.offset - noise.ratio * own
  return Math.min(1, Math.max(0, excess / (noise.slackTokens + noise.slackShare * own)))
}

/** Takes one more answer into the test; a side that is not comparable is left out. */
export function observe(
  test: CountTest,
  { prompt, completion }: { prompt?: CountPair | undefined; completion?: CountPair | undefined },
): void {
  const { logStakes } = test
  test.observations += 1
  const promptEdge = prompt ? edgeOf(prompt) : 0
  const completionEdge = completion ? edgeOf(completion) : 0
  for (let at = 0; at < BET_SHARES.length; at += 1) {
    const share = BET_SHARES[at] as number
    const byPrompt = Math.log1p(share * promptEdge)
    const byCompletion = Math.log1p(share * completionEdge)
    const first = at * SIDES
    logStakes[first] = (logStakes[first] as number) + byPrompt
    logStakes[first + 1] = (logStakes[first + 1] as number) + byCompletion
    logStakes[first + 2] = (logStakes[first + 2] as number) + byPrompt + byCompletion
  }
  if (test.observations % PART_EVERY === 0) addPart(logStakes, test.observations / PART_EVERY)
}

/**
 * What the largest bet wins, as a share of the stake: -1 at worst. It is smaller where the count is small against the
 * slack, because there it can prove little; our own count is known before the report is looked at, so it may decide that.
 */
function edgeOf(pair: CountPair): number {
  const { own, noise } = pair
  const weight = Math.sqrt(own / (own + noise.slackTokens / noise.slackShare))
  return (weight / HONEST_MEAN) * (scoreOf(pair) - HONEST_MEAN)
}

function addPart(logStakes: Float64Array, part: number): void {
  const added = -Math.log((part + 1) * (part + 2))
  for (let at = 0; at < logStakes.length; at += 1) {
    const stake = logStakes[at] as number
    const more = Math.max(stake, added)
    logStakes[at] = more + Math.log1p(Math.exp(Math.min(stake, added) - more))
  }
}

/** The natural logarithm of the stake as a whole: the average of all, which is a fair bet too. */
export function logEvidence({ logStakes }: CountTest): number {
  const most = largest(logStakes)
  const sum = logStakes.reduce((total, stake) => total + Math.exp(stake - most), 0)
  return most + Math.log(sum / logStakes.length)
}

/**
 * Whether the test of a listing's `nth` model (from 1) has found it out. The models of a listing share its rate of
 * false alarms: the nth gets 1 / n(n + 1) of it, and all of them together no more than the whole.
 */
export function isAlarm(test: CountTest, nth: number): boolean {
  const needed = Math.log((nth * (nth + 1)) / FALSE_ALARMS)
  // No average is above its largest part, and that one is cheap to look at.
  return largest(test.logStakes) >= needed && logEvidence(test) >= needed
}

function largest(values: Float64Array): number {
  let most = Number.NEGATIVE_INFINITY
  for (let at = 0; at < values.length; at += 1) most = Math.max(most, values[at] as number)
  return most
}
