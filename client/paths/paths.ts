/** The paths to other members as a program sees them: which is in use, how long it takes, and why it is no better one. */
import { addressesOf, type Machine, TRANSPORT_GRPC } from "../../gossip/index.js";
import { formatAddress, type Link, type Links, type Path, type Session, type StackOptions } from "../../net/index.js";
import type { MemberId } from "../../rings/index.js";
import type { MemberConfig } from "../config/index.js";
import type { MemberPath, PathChange, PathCounts } from "../types.js";
import { destinationOf } from "../view/directory.js";
import { keptOf } from "./kept.js";

export interface PathsOptions {
  readonly config: Pick<MemberConfig, "linkIdleMs" | "keepLinks">;
  readonly links: () => Pick<Links, "get" | "size">;
  /** Undefined until the protocol starts. */
  readonly machine: () => Pick<Machine, "members" | "member"> | undefined;
  readonly nameOf: (id: MemberId) => string | undefined;
  /** Why punches with the member have failed, in a sentence. */
  readonly whyNotPunched: (id: MemberId) => string | undefined;
  /** The relay that is why the path to the member has just changed. */
  readonly whyChanged: (id: MemberId) => PathChange["because"];
  /** The best path to a member is another one: it may be worth a punch. */
  readonly consider: (id: MemberId) => void;
  /** The best path to a member of the view has come, changed or gone. */
  readonly onChange: (id: MemberId, describe: () => PathChange) => void;
}

/** One connection with a member. */
export interface SessionInfo extends Pick<MemberPath, "path" | "via" | "conduit" | "address" | "rttMs"> {
  /** Of this session, for as long as it lives. */
  readonly id: string;
  /** It serves what is opened now. */
  readonly inUse: boolean;
  /** Calls and streams that are open on it, of either side. */
  readonly open: number;
}

export class Paths {
  readonly #options: PathsOptions;
  readonly #sessionIds = new WeakMap<Session, string>();
  /** Those that have an id. */
  #sessions = 0;

  constructor(options: PathsOptions) {
    this.#options = options;
  }

  /** What the links are to know, and to tell. */
  get forLinks(): Pick<StackOptions, "idleMs" | "kept" | "destinationOf" | "onPath"> {
    const { config, machine, nameOf } = this.#options;
    return {
      idleMs: config.linkIdleMs,
      kept: () => keptOf(config.keepLinks, () => machine()?.members() ?? [], nameOf),
      destinationOf: (id) => {
        const peer = machine()?.member(id);
        return peer && destinationOf(peer);
      },
      onPath: (id, now, before) => this.#tell(id, now, before),
    };
  }

  /** Members with a connection. */
  get linked(): number {
    return this.#options.links().size;
  }

  /** The host at the other end of the path to a member, if it leads there itself. */
  hostOf(id: MemberId): string | undefined {
    const path = this.#options.links().get(id)?.paths[0];
    return path?.kind === "relayed" ? undefined : path?.address.host;
  }

  /** Of every live member, in the order of the view. */
  all(): MemberPath[] {
    return (this.#options.machine()?.members() ?? []).map(({ id }) => this.of(id));
  }

  /** Live members by the path to them. */
  counts(): PathCounts {
    const counts = { direct: 0, punched: 0, reversed: 0, relayed: 0, none: 0 };
    for (const { id } of this.#options.machine()?.members() ?? [])
      counts[this.#options.links().get(id)?.best?.path.kind ?? "none"]++;
    return counts;
  }

  /** Sessions with a member, the one in use first. */
  sessionsWith(id: MemberId): readonly SessionInfo[] {
    const held = this.#options.links().get(id)?.held ?? [];
    return held.map(({ session }, index) => ({
      ...{ id: this.#idOf(session), ...wayOf(session.path), rttMs: session.roundTripMs },
      ...{ inUse: index === 0, open: session.active },
    }));
  }

  /** The same for one session for as long as it lives. */
  #idOf(session: Session): string {
    const known = this.#sessionIds.get(session);
    if (known !== undefined) return known;
    this.#sessions += 1;
    const id = `s${this.#sessions}`;
    this.#sessionIds.set(session, id);
    return id;
  }

  /** To one member, live or not. */
  of(id: MemberId): MemberPath {
    const { links, nameOf } = this.#options;
    const link = links().get(id);
    const best = link?.best;
    return {
      id,
      name: nameOf(id),
      ...wayOf(best?.path),
      rttMs: best?.roundTripMs,
      connections: link?.sessions.length ?? 0,
      whyNotBetter: this.#whyNot(id, link, best?.path),
    };
  }

  #whyNot(id: MemberId, link: Link | undefined, path: Path | undefined): string | undefined {
    if (path === undefined) return link?.unreached?.error.message;
    if (path.kind === "direct" || path.kind === "reversed") return undefined;
    const peer = this.#options.machine()?.member(id);
    const hasAddress = peer && addressesOf(peer, TRANSPORT_GRPC).some((text) => !text.startsWith("relay:"));
    const tried =
      link?.failure?.message ?? "Its own addresses have not been dialled yet: the connection was made elsewhere.";
    const direct = hasAddress ? tried : "It names no address at which it can be dialled.";
    const punched = path.kind === "relayed" ? this.#options.whyNotPunched(id) : undefined;
    return [direct, punched].filter((why) => why !== undefined).join(" ") || undefined;
  }

  #tell(id: MemberId, now: Path | undefined, before: Path | undefined): void {
    if (this.#options.machine()?.member(id) === undefined) return;
    this.#options.consider(id);
    const what = now === undefined ? "went" : before === undefined ? "came" : "changed";
    const because = this.#options.whyChanged(id);
    this.#options.onChange(id, () => ({ what, path: this.of(id), before: before?.kind, ...(because && { because }) }));
  }
}

function wayOf(path: Path | undefined): Pick<MemberPath, "path" | "via" | "conduit" | "address"> {
  if (path === undefined) return { path: undefined, via: [], address: undefined };
  const { kind, via = [], isConduit, address } = path;
  return { path: kind, via, ...(isConduit && { conduit: true }), address: formatAddress(address) };
}
