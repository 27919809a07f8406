/** What is open with each member: the path, the sessions over it and others, and the streams of programs, by protocol. */

import type { OpenStreams, Streams } from "../talk/streams.js";
import type { MemberPath } from "../types.js";
import type { Paths, SessionInfo } from "./paths.js";

/** Of one live member. */
export interface MemberConnections extends MemberPath {
  /** The one in use first. */
  readonly sessions: readonly SessionInfo[];
  readonly streams: readonly OpenStreams[];
}

/** Of every live member, in the order of the view. */
export function connectionsOf({
  paths,
  streams,
}: {
  readonly paths: Paths;
  readonly streams: Streams;
}): MemberConnections[] {
  return paths.all().map((path) => ({
    ...path,
    sessions: paths.sessionsWith(path.id),
    streams: streams.with(path.id),
  }));
}
