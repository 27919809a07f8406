/** fireflies/threads: one client, used from worker threads and from processes. */
export type { SharingPort } from "./line.js";
export { type ClientOverOptions, clientOver, type RemoteClient } from "./remote-client.js";
export type { ThreadSubscription } from "./remote-subscription.js";
export { type SharedClient, type ShareOptions, shareClient } from "./share.js";
