/** Who stands where in memory, which LANs are linked, and what lies between two places now. */
import type { MemoryNatKind, Nat } from "./nat.js";
import { checkedPath, Path, type PathOptions, type PathState } from "./path.js";

/** Of a LAN: what its members' bytes go through, and what stands at its edge. */
export interface LanOptions extends PathOptions {
  /** For people and errors. */
  readonly name?: string | undefined;
  /** Nobody outside dials into a LAN behind a NAT; its members dial out. "port-restricted" is what most homes have. */
  readonly nat?: MemoryNatKind | undefined;
}

/** A LAN in the graph. */
export interface LanNode {
  readonly name: string;
  options: PathOptions;
  readonly nat: Nat | undefined;
}

/** A place: somebody's end of connections. In no LAN it reaches all others at once. */
export interface Place {
  readonly name: string;
  readonly lan?: LanNode | undefined;
  /** Its address, for places in a LAN. */
  readonly host?: string | undefined;
}

/** Between two LANs. */
export interface Stretch {
  readonly between: readonly [LanNode, LanNode];
  options: PathOptions;
  isCut: boolean;
}

/** What may be cut off: a place, or a LAN with all that stand in it. */
export type Cuttable = Place | LanNode;
type Fault = "cut" | "silent";

export class Topology {
  readonly #stretches: Stretch[] = [];
  readonly #faults = new Map<string, Fault>();
  readonly #unplugged = new Set<Cuttable>();
  readonly #keys = new Map<Cuttable, number>();
  readonly #paths = new Map<string, Path>();
  readonly #random: () => number;

  constructor(random: () => number) {
    this.#random = random;
  }

  link(a: LanNode, b: LanNode, options: PathOptions): Stretch {
    const stretch = { between: [a, b] as const, options: checkedPath(options), isCut: false };
    this.#stretches.push(stretch);
    return stretch;
  }

  fault(a: Cuttable, b: Cuttable, fault: Fault | undefined): void {
    const key = this.#pair(a, b);
    if (fault === undefined) this.#faults.delete(key);
    else this.#faults.set(key, fault);
  }

  /** Nothing leads to it or from it, whatever else is cut or healed. */
  plug(end: Cuttable, isIn: boolean): void {
    if (isIn) this.#unplugged.delete(end);
    else this.#unplugged.add(end);
  }

  healAll(): void {
    this.#faults.clear();
    for (const stretch of this.#stretches) stretch.isCut = false;
  }

  /** What lies between; "none" when nothing leads there, "silent" when nothing arrives and nobody says so. */
  between(from: Place, to: Place): PathState | "none" | "silent" {
    if ([from, from.lan, to, to.lan].some((end) => end !== undefined && this.#unplugged.has(end))) return "none";
    const faults = [from, from.lan].flatMap((a) =>
      [to, to.lan].map((b) => a && b && this.#faults.get(this.#pair(a, b))),
    );
    if (faults.includes("cut")) return "none";
    if (faults.includes("silent")) return "silent";
    if (from.lan !== undefined && to.lan !== undefined && this.#route(from.lan, to.lan) === undefined) return "none";
    const key = `${this.#key(from)}>${this.#key(to)}`;
    const path = this.#paths.get(key) ?? new Path(() => this.#optionsBetween(from, to), this.#random);
    this.#paths.set(key, path);
    return path;
  }

  #optionsBetween({ lan: a }: Place, { lan: b }: Place): readonly PathOptions[] {
    if (a === undefined || b === undefined) return [];
    return a === b ? [a.options] : [a.options, ...(this.#route(a, b) ?? []), b.options];
  }

  /** The links on the quickest way from one LAN to another, by their latencies (Dijkstra); undefined when there is none. */
  #route(from: LanNode, to: LanNode): readonly PathOptions[] | undefined {
    const best = new Map<LanNode, { readonly ms: number; readonly way: readonly PathOptions[] }>([
      [from, { ms: 0, way: [] }],
    ]);
    const open = new Set([from]);
    while (open.size > 0) {
      const [next] = [...open].toSorted((a, b) => best.get(a)!.ms - best.get(b)!.ms) as [LanNode];
      const { ms, way } = best.get(next)!;
      if (next === to) return way;
      open.delete(next);
      for (const { between, options, isCut } of this.#stretches) {
        if (isCut || !between.includes(next)) continue;
        const other = between[0] === next ? between[1] : between[0];
        const there = ms + (options.latencyMs ?? 0);
        if (there >= (best.get(other)?.ms ?? Number.POSITIVE_INFINITY)) continue;
        best.set(other, { ms: there, way: [...way, options] });
        open.add(other);
      }
    }
    return undefined;
  }

  #pair(a: Cuttable, b: Cuttable): string {
    const [low, high] = [this.#key(a), this.#key(b)].toSorted((x, y) => x - y);
    return `${low} ${high}`;
  }

  #key(of: Cuttable): number {
    const known = this.#keys.get(of) ?? this.#keys.size;
    this.#keys.set(of, known);
    return known;
  }
}
