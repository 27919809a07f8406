/**
 * A network for the dashboard to show, made up: members on rings, and what happens to them as events in the form of the admin
 * port. No protocol runs: a crash is accused by the monitor of each ring and removed after 2 Delta, a lie is rebutted at once,
 * as docs/protocol.md says. Chance comes from a seed, so that a picture is the same each time.
 */
import { createHash } from "node:crypto";

const KINDS = ["web", "api", "db", "cache", "queue", "auth", "mail", "search", "edge", "batch"];
const DAY_MS = 86_400_000;
const FIGURES_MS = 2_000;

export class SimulatedNetwork {
  members = [];
  #random;
  #sequence = 0;
  #epoch = 1_000;
  #counters = { messagesIn: 12_000, messagesOut: 11_500, bytesIn: 9e6, bytesOut: 8.6e6 };

  constructor({ members, rings, at, seed = 1, deltaMs = 1_000, byzantineShare = 0.2, membersMax = members }) {
    Object.assign(this, { rings, at, deltaMs, planned: { membersMax, byzantineShare } });
    this.#random = generator(seed);
    for (let index = 0; index < members; index++) this.members.push(this.#member(index));
    this.self = this.members[0].id;
    this.#choosePaths();
  }

  #member(index, since = this.at - Math.floor(this.#random() * 30 * DAY_MS)) {
    const kind = KINDS[index % KINDS.length];
    const id = createHash("sha256").update(`member ${index}`).digest("hex");
    const positions = Buffer.alloc(2 * this.rings);
    for (let ring = 0; ring < this.rings; ring++) {
      positions.writeUInt16BE(createHash("sha256").update(`${ring} ${id}`).digest().readUInt16BE(), 2 * ring);
    }
    return {
      ...{ id, name: `${kind}-${Math.floor(index / KINDS.length) + 1}`, state: "live", since },
      metadata: JSON.stringify({ zone: `eu-${(index % 3) + 1}`, version: "2.4.1" }),
      ...{ path: null, via: [], rttMs: null, certificateEnd: this.at + (20 + (index % 9)) * DAY_MS },
      services: index % 3 === 0 ? [kind] : [],
      positions: positions.toString("base64"),
    };
  }

  /** Links with neighbours on all rings, of which some come over relays. */
  #choosePaths() {
    const linked = new Set();
    for (let ring = 1; ring <= this.rings; ring++) {
      linked.add(this.predecessor(this.self, ring)).add(this.successor(this.self, ring));
    }
    linked.delete(this.self);
    const ids = [...linked].slice(0, 48);
    const relay = ids[0];
    for (const [index, id] of ids.entries()) {
      const member = this.find(id);
      member.path = index % 7 === 3 ? "relayed" : index % 5 === 2 ? "punched" : index % 6 === 4 ? "reversed" : "direct";
      member.via = member.path === "relayed" ? [relay] : [];
      member.rttMs = Math.round(4 + 60 * this.#random());
    }
  }

  find(id) {
    return this.members.find((each) => each.id === id);
  }

  named(name) {
    return this.members.find((each) => each.name === name);
  }

  #order(ring) {
    const place = ({ positions }) => Buffer.from(positions, "base64").readUInt16BE(2 * (ring - 1));
    return this.members
      .filter(({ state }) => state === "live")
      .sort((a, b) => place(a) - place(b) || (a.id < b.id ? -1 : 1));
  }

  predecessor(id, ring) {
    const order = this.#order(ring);
    const index = order.findIndex((each) => each.id === id);
    return order[(index - 1 + order.length) % order.length].id;
  }

  successor(id, ring) {
    const order = this.#order(ring);
    return order[(order.findIndex((each) => each.id === id) + 1) % order.length].id;
  }

  snapshot(at = this.at) {
    const { self, rings, deltaMs, planned, members } = this;
    const tolerance = Math.floor((rings - 1) / 2);
    return {
      sequence: this.#sequence,
      at,
      self,
      rings,
      tolerance,
      deltaMs,
      planned,
      members: structuredClone(members),
    };
  }

  /** Each begins with what the admin port sends: `event` is the name, the rest the data. Sequence numbers come when they are sent. */
  #history(at, kind, id, more = {}) {
    return { event: "history", at: Math.round(at), kind, member: id, name: this.find(id)?.name, ...more };
  }

  /** Numbers events in the order of time, as they would be sent. */
  numbered(events) {
    return events.toSorted((a, b) => a.at - b.at).map((each) => ({ ...each, sequence: ++this.#sequence }));
  }

  kill(id, at) {
    const events = [];
    const firstAt = at + 2 * this.deltaMs;
    const accusers = Array.from({ length: this.rings }, (_, index) => ({
      ring: index + 1,
      by: this.predecessor(id, index + 1),
    }));
    const [first] = accusers;
    events.push(this.#history(at + this.deltaMs, "missed", id, { by: first.by, path: "direct, then relayed" }));
    events.push(
      this.#history(firstAt - 300, "suspected", id, {
        by: first.by,
        ring: first.ring,
        reason: "two pings without an answer",
      }),
    );
    for (const [index, { ring, by }] of accusers.entries()) {
      const later = index === 0 ? 0 : (0.1 + 1.5 * this.#random()) * this.deltaMs;
      events.push(
        this.#history(firstAt + later, "accused", id, { by, ring, epoch: "1001", reason: "no answer to pings" }),
      );
    }
    events.push(
      this.#history(firstAt + 2 * this.deltaMs, "removed", id, {
        ring: first.ring,
        reason: "no rebuttal within 2 Delta",
      }),
    );
    this.find(id).state = "failed";
    return events;
  }

  /** A liar before it on some ring accuses it; it answers. */
  lie(id, at, ring = 1 + Math.floor(this.#random() * this.rings)) {
    const by = this.predecessor(id, ring);
    const epoch = String(++this.#epoch);
    return [
      this.#history(at, "accused", id, {
        by,
        ring,
        epoch: String(this.#epoch - 1),
        reason: "says that it does not answer",
      }),
      this.#history(at + 700 + 300 * this.#random(), "rebutted", id, { by: id, ring, epoch }),
    ];
  }

  join(at) {
    const member = this.#member(this.members.length, at);
    this.members.push(member);
    return [this.#history(at, "joined", member.id, { record: structuredClone(member) })];
  }

  leave(id, at) {
    const events = [this.#history(at, "left", id)];
    this.find(id).state = "left";
    return events;
  }

  revoke(id, at) {
    const events = [this.#history(at, "revoked", id, { reason: "key compromised" })];
    this.find(id).state = "revoked";
    return events;
  }

  /** Somebody who is there, but not the member that tells. */
  anyone() {
    const others = this.members.filter(({ id, state }) => id !== this.self && state === "live");
    return others[Math.floor(this.#random() * others.length)].id;
  }

  figures(at) {
    const wave = 1 + 0.4 * Math.sin(at / 90_000) + 0.2 * this.#random();
    const count = Math.round(60 * wave);
    this.#counters.messagesIn += count;
    this.#counters.messagesOut += Math.round(count * 0.9);
    this.#counters.bytesIn += count * 700;
    this.#counters.bytesOut += count * 640;
    const topics = ["orders.eu", "orders.us", "prices", "audit"].map((topic, index) => ({
      topic,
      backlog: index === 1 ? Math.round(40 * wave) : index === 3 ? Math.floor(3 * this.#random()) : 0,
      rate: Math.round(10 * wave * (4 - index)) / 2,
    }));
    const links = {};
    for (const { path } of this.members) if (path !== null) links[path] = (links[path] ?? 0) + 1;
    const more = {
      streams: Math.round(8 * wave),
      lagMs: Math.round(10 * (1 + 2 * this.#random())) / 10,
      topics,
      links,
    };
    return { event: "figures", at, ...this.#counters, ...more };
  }

  figuresBetween(from, to) {
    const events = [];
    for (let at = from; at <= to; at += FIGURES_MS) events.push(this.figures(at));
    return events;
  }

  /** What happens on a busy day: events at this mean rate, from one instant to another. */
  churn(from, to, perSecond) {
    const events = [];
    for (let at = from; at < to; at += (2_000 / perSecond) * this.#random()) {
      const dice = this.#random();
      if (dice < 0.5) events.push(...this.lie(this.anyone(), at));
      else if (dice < 0.7) events.push(this.#history(at, "updated", this.anyone()));
      else if (dice < 0.85) events.push(this.#history(at, "missed", this.anyone(), { by: this.self, path: "direct" }));
      else if (dice < 0.93) events.push(...this.join(at));
      else events.push(...this.leave(this.anyone(), at));
    }
    return events;
  }

  explain(id) {
    const { name, state } = this.find(id);
    const sentences =
      state === "live"
        ? [`${name} is in the view: its note of epoch 1000 was verified, and no accusation stands.`]
        : [
            `${name} was removed: the monitors of all ${this.rings} rings accused it at epoch 1001, and no rebuttal came within 2 Delta.`,
            "Its monitor on ring 1 tried the direct path twice, then a relay, before it accused.",
          ];
    return { member: id, sentences };
  }

  graph() {
    const linked = this.members.filter(({ path }) => path !== null);
    return {
      ...{ version: 1, at: this.at, self: this.self },
      links: linked.map(({ id, path, via, rttMs }) => ({
        id: `link:${id}`,
        from: this.self,
        to: id,
        path,
        via,
        rttMs,
      })),
      sessions: linked.map(({ id, path, via, rttMs }) => ({
        id: `session:${id}`,
        link: `link:${id}`,
        path,
        via,
        address: "10.4.0.7:8400",
        rttMs,
        inUse: true,
        open: 2,
      })),
      streams: linked.slice(0, 9).map(({ id }) => ({
        id: `streams:${id}`,
        link: `link:${id}`,
        protocol: "/x/http",
        openedBy: this.self,
        count: 2,
      })),
      topics: ["orders.eu", "orders.us", "prices", "audit"].map((topic, index) => ({
        ...{ topic, published: 900, settled: 880, backlog: 20 },
        subscribers: linked.slice(0, 2 + 3 * index).map(({ id }) => id),
      })),
    };
  }
}

/** A recording: what `sim --report` and an incident have. */
export function recordingOf(snapshot, events, title = "") {
  const lines = [{ recording: 1, title, snapshot }, ...events];
  return `${lines.map((line) => JSON.stringify(line)).join("\n")}\n`;
}

/** Numbers from 0 to 1, the same for a seed (mulberry32). */
function generator(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
