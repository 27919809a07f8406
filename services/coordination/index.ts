/** fireflies/coordination: what members do together. None of it is a consensus: what each promises while views differ is in docs/adapters.md. */
export { type Election, type ElectOptions, elect, type Leading } from "./election.js";
export { FENCE_AHEAD_MS, Fence, type FenceOptions, type FenceVerdict } from "./fence.js";
export { type Holding, type HoldOptions, holders, holdKeys } from "./holding.js";
export { type RateLimiter, type RateLimiterOptions, rateLimiter } from "./limiter.js";
export type { CoordinationClient } from "./view.js";
