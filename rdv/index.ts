/**
 * Rendezvous and relay: two programs behind NATs that know one token meet at a server, reach each other directly where
 * that is possible, and by the server where it is not. The wire is rdv/1 (docs/rdv.md). Needs nothing else of the
 * package.
 */
export { type MeetOptions, RdvClient, type RdvClientOptions } from "./client/client.js";
export { type Picker, pickFirst, waitConstant, waitForP2P } from "./client/picker.js";
export type { Conn } from "./conn.js";
export { RDV_ERROR_CODES, RdvError, type RdvErrorCode } from "./errors.js";
export type { RdvLogger } from "./logger.js";
export type { RdvResponse } from "./response.js";
export type { HttpServerLike } from "./server/diversion.js";
export type { RdvRequest } from "./server/guests.js";
export type { RefusalAnswer } from "./server/last-word.js";
export type { RdvMetrics } from "./server/metrics.js";
export { forwardedAddress, type ObservedAddressHook } from "./server/observed.js";
export type { ContinueOptions, Pair, RelayOptions } from "./server/pair.js";
export type { RelayEnd, Relayed, Tap } from "./server/relaying.js";
export {
  type Authorize,
  type Handler,
  RdvServer,
  type RdvServerLimits,
  type RdvServerOptions,
} from "./server/server.js";
export { type AddressSpace, AddressSpaces, addressSpace, SPACES } from "./spaces.js";
export type { Method } from "./wire/lines.js";
