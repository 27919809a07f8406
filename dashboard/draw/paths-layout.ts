/** Where members stand on the page of paths: around the one that sees them, the nearer the more directly they are reached. */
import { compare } from "../world/find.js";
import { isThere, type MemberNow, type World } from "../world/world.js";
import { type Point, pointAt, type Size, spread } from "./layout.js";

export type Way = "self" | "direct" | "turned" | "relayed" | "none";

export interface Node extends Point {
  readonly id: string;
  readonly way: Way;
  readonly angle: number;
  /** The id of the node that the line comes from; "" without a line. */
  readonly from: string;
}

/** Bands of the picture, as shares of its radius. */
export const BANDS: Readonly<Record<Exclude<Way, "self">, number>> = {
  direct: 0.36,
  turned: 0.52,
  relayed: 0.72,
  none: 0.95,
};
const WAYS: Readonly<Record<string, Way>> = {
  direct: "direct",
  reversed: "turned",
  punched: "turned",
  relayed: "relayed",
};
const MARGIN = 64;

export function wayOf({ record }: MemberNow, self: string): Way {
  return record.id === self ? "self" : (WAYS[record.path] ?? "none");
}

export function radiusOfPaths({ width, height }: Size): number {
  return Math.max(40, Math.min(width, height) / 2 - MARGIN);
}

export function pathNodes(world: World, size: Size): readonly Node[] {
  const center = { x: size.width / 2, y: size.height / 2 };
  const radius = radiusOfPaths(size);
  const there = [...world.members.values()].filter(isThere).sort((a, b) => compare(nameOf(a), nameOf(b)));
  const of = (way: Way) => there.filter((member) => wayOf(member, world.self) === way);
  const own: Node = { id: world.self, way: "self", angle: 0, from: "", ...center };
  const node = (way: Exclude<Way, "self">, from: string) => (member: MemberNow, angle: number) => {
    return { id: member.record.id, way, angle, from, ...pointAt(center, radius * BANDS[way], angle) };
  };
  const around = (way: Exclude<Way, "self">, from: string, turn: number) => {
    const members = of(way);
    return members.map((member, index) => node(way, from)(member, turn + (2 * Math.PI * index) / members.length));
  };
  const open = [...around("direct", world.self, -Math.PI / 2), ...around("turned", world.self, -Math.PI / 2 + 0.2)];
  return [own, ...open, ...relayed(of("relayed"), open, world.self, node), ...around("none", "", -Math.PI / 2)];
}

/** Beside their relay, pushed apart. */
function relayed(
  members: readonly MemberNow[],
  open: readonly Node[],
  self: string,
  node: (way: "relayed", from: string) => (member: MemberNow, angle: number) => Node,
): readonly Node[] {
  const byId = new Map(open.map((each) => [each.id, each]));
  const wished = members
    .map((member, index) => {
      const relay = byId.get(member.record.via.at(-1) ?? "");
      return {
        member,
        from: relay?.id ?? self,
        angle: (relay?.angle ?? (2 * Math.PI * index) / members.length) + 1e-6 * index,
      };
    })
    .sort((a, b) => a.angle - b.angle);
  const gap = Math.min(0.16, (2 * Math.PI) / Math.max(1, wished.length + 1));
  const angles = spread(
    wished.map(({ angle }) => angle),
    gap,
  );
  return wished.map(({ member, from }, index) => node("relayed", from)(member, angles[index]!));
}

function nameOf({ record }: MemberNow): string {
  return record.name || record.id;
}
