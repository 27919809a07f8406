/** Services of a member: what differs between two sets of them, how one lives and fails, and what its settings may be. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Client } from "../../client/client.js";
import { readServices } from "../../client/config/index.js";
import { FirefliesError } from "../../identity/index.js";
import { pauseMs } from "../../services/controllers/back-off.js";
import { PROXY } from "../../services/controllers/forwarding.js";
import type { ControllerKind, ControllerReport } from "../../services/controllers/kind.js";
import { checkSingles, parseService } from "../../services/controllers/kinds.js";
import { differenceOf, type PlannedService, planServices } from "../../services/controllers/plan.js";
import { ControllerRunner } from "../../services/controllers/runner.js";

const plan = (id: string, settings: Record<string, unknown> = {}, kind = "fake"): PlannedService => ({
  ...{ id, kind, settings, parsed: settings },
});

describe("what differs", () => {
  it.each([
    ["nothing", [plan("a")], [plan("a")], { stop: [], start: [], keep: ["a"] }],
    ["one more", [plan("a")], [plan("a"), plan("b")], { stop: [], start: ["b"], keep: ["a"] }],
    ["one less", [plan("a"), plan("b")], [plan("b")], { stop: ["a"], start: [], keep: ["b"] }],
    ["a setting", [plan("a", { x: 1 })], [plan("a", { x: 2 })], { stop: ["a"], start: ["a"], keep: [] }],
    ["the kind", [plan("a")], [plan("a", {}, "other")], { stop: ["a"], start: ["a"], keep: [] }],
    ["the order", [plan("a"), plan("b")], [plan("b"), plan("a")], { stop: [], start: [], keep: ["a", "b"] }],
    [
      "the order of keys",
      [plan("a", { x: 1, y: { p: 1, q: [2] } })],
      [plan("a", { y: { q: [2], p: 1 }, x: 1 })],
      { stop: [], start: [], keep: ["a"] },
    ],
    [
      "a deeper value",
      [plan("a", { y: { q: [1, 2] } })],
      [plan("a", { y: { q: [2, 1] } })],
      { stop: ["a"], start: ["a"], keep: [] },
    ],
  ])("%s", (_, before, after, expected) => {
    const { stop, start, keep } = differenceOf(before, after);
    expect({ stop, start: start.map(({ id }) => id), keep }).toEqual(expected);
  });
});

/** Kinds whose starts, stops and failures the test decides; time that it moves. */
class World {
  readonly events: string[] = [];
  readonly reports = new Map<string, ControllerReport>();
  readonly failing = new Map<string, FirefliesError>();
  now = 0;
  #timers: { at: number; run: () => void }[] = [];
  readonly runner = new ControllerRunner({
    client: {} as Client,
    kindOf: (kind) => (kind === "single" ? { ...this.#kind(kind), isSingle: true } : this.#kind(kind)),
    tell: (level, event, fields) => this.events.push(`${level} ${event} ${(fields as { service: string }).service}`),
    now: () => this.now,
    random: () => 0,
    later: (run, ms) => {
      const timer = { at: this.now + ms, run };
      this.#timers.push(timer);
      return () => {
        this.#timers = this.#timers.filter((each) => each !== timer);
      };
    },
  });

  #kind(kind: string): ControllerKind<unknown> {
    return {
      kind,
      parse: () => ({}),
      start: async (_, settings, report) => {
        const { name = "" } = settings as { name?: string };
        const error = this.failing.get(name);
        if (error !== undefined) throw error;
        this.events.push(`start ${name}`);
        this.reports.set(name, report);
        return {
          at: `at ${name}`,
          figures: () => ({ streams: 1, bytesIn: 2, bytesOut: 3 }),
          stop: async () => void this.events.push(`stop ${name}`),
        };
      },
    };
  }

  async settle(): Promise<void> {
    for (let turn = 0; turn < 20; turn++) await Promise.resolve();
  }

  /** Everything that is due in so many milliseconds happens. */
  async pass(ms: number): Promise<void> {
    this.now += ms;
    const due = this.#timers.filter(({ at }) => at <= this.now);
    this.#timers = this.#timers.filter(({ at }) => at > this.now);
    for (const { run } of due) run();
    await this.settle();
  }
}

const named = (id: string, more: Record<string, unknown> = {}, kind?: string) => plan(id, { name: id, ...more }, kind);

describe("a set of services", () => {
  it("is changed where it differs, and nowhere else, whatever the two sets are", async () => {
    const services = fc.uniqueArray(fc.record({ id: fc.constantFrom("a", "b", "c", "d"), x: fc.nat(2) }), {
      selector: ({ id }) => id,
    });
    await fc.assert(
      fc.asyncProperty(services, services, async (before, after) => {
        const world = new World();
        const planned = (said: typeof before) => said.map(({ id, x }) => named(id, { x }));
        await world.runner.apply(planned(before));
        await world.settle();
        world.events.length = 0;
        await world.runner.apply(planned(after));
        await world.settle();
        const same = before.filter(({ id, x }) => after.some((each) => each.id === id && each.x === x));
        for (const { id } of same) expect(world.events.filter((event) => event.endsWith(` ${id}`))).toEqual([]);
        expect(world.events.filter((event) => event.startsWith("stop")).sort()).toEqual(
          before
            .filter((each) => !same.includes(each))
            .map(({ id }) => `stop ${id}`)
            .sort(),
        );
        expect(
          world.runner
            .states()
            .map(({ id }) => id)
            .sort(),
        ).toEqual(after.map(({ id }) => id).sort());
        expect(world.runner.states().every(({ state }) => state === "running")).toBe(true);
      }),
    );
  });

  it("shows each with its state, where it is and its figures", async () => {
    const world = new World();
    await world.runner.apply([named("a")]);
    await world.runner.started("a");
    expect(world.runner.states()).toMatchObject([
      { id: "a", kind: "fake", state: "running", at: "at a", streams: 1, bytesIn: 2, bytesOut: 3, restarts: 0 },
    ]);
    expect(world.events).toEqual(["start a", "info service-running a"]);
  });

  it("refuses a second of one name, and one that it does not have", async () => {
    const world = new World();
    await world.runner.add(named("a"));
    await expect(world.runner.add(named("a"))).rejects.toMatchObject({ code: "service-exists" });
    await expect(world.runner.remove("b")).rejects.toMatchObject({ code: "service-unknown", advice: "There are a." });
  });

  it("leaves those alone that a command holds, and ends all when it closes", async () => {
    const world = new World();
    await world.runner.add(named("held"), true);
    await world.runner.apply([named("a")]);
    await world.runner.apply([]);
    expect(world.runner.states().map(({ id, held }) => [id, held])).toEqual([["held", true]]);
    await expect(world.runner.apply([named("held")])).rejects.toMatchObject({ code: "service-exists" });
    await world.runner.close();
    expect(world.events.at(-1)).toBe("stop held");
    await expect(world.runner.add(named("late"))).rejects.toMatchObject({ code: "member-stopping" });
  });

  it("of a kind of which a member has one is refused beside another one", async () => {
    const world = new World();
    await world.runner.apply([named("a", {}, "single")]);
    await expect(world.runner.add(named("b", {}, "single"))).rejects.toMatchObject({ code: "service-exists" });
    await world.runner.apply([named("b", {}, "single")]);
    expect(world.runner.states()).toMatchObject([{ id: "b" }]);
    const entries = ["a", "b"].map((id) => ({ id, kind: "relay", settings: [], where: `x.yaml, line ${id}` }));
    expect(() => checkSingles(entries)).toThrow(/line b: a member has one service of kind relay/);
  });
});

describe("a service that fails", () => {
  const broken = new FirefliesError("address-in-use");

  it("to start is told, and tried again with growing pauses until it starts", async () => {
    const world = new World();
    world.failing.set("a", broken);
    await world.runner.apply([named("a")]);
    await expect(world.runner.started("a")).rejects.toBe(broken);
    expect(world.runner.states()).toMatchObject([{ state: "waiting", lastError: { code: "address-in-use", at: 0 } }]);
    await world.pass(999);
    expect(world.events).toEqual(["warn service-failed a"]);
    await world.pass(1);
    expect(world.events).toHaveLength(2);
    await world.pass(1_999);
    expect(world.events).toHaveLength(2);
    world.failing.clear();
    await world.pass(1);
    expect(world.events.slice(2)).toEqual(["start a", "info service-running a"]);
    expect(world.runner.states()).toMatchObject([
      { state: "running", restarts: 2, lastError: { code: "address-in-use" } },
    ]);
  });

  it("while it runs is stopped, told and started again; the others go on", async () => {
    const world = new World();
    await world.runner.apply([named("a"), named("b")]);
    await world.settle();
    world.now = 120_000;
    const report = world.reports.get("a")!;
    world.events.length = 0;
    report.failed(broken);
    await world.settle();
    report.failed(broken); // A word of its earlier life.
    expect(world.events).toEqual(["stop a", "warn service-failed a"]);
    await world.pass(1_000);
    expect(world.events.slice(2)).toEqual(["start a", "info service-running a"]);
    expect(world.runner.states().map(({ state }) => state)).toEqual(["running", "running"]);
  });

  it("and is removed is tried no more", async () => {
    const world = new World();
    world.failing.set("a", broken);
    await world.runner.apply([named("a")]);
    await world.settle();
    await world.runner.apply([]);
    await world.pass(60_000);
    expect(world.events).toEqual(["warn service-failed a"]);
  });

  it.each([
    [1, 0, 1_000],
    [2, 0, 2_000],
    [6, 0, 32_000],
    [7, 0, 60_000],
    [1_000, 0, 60_000],
    [7, 0.999, 48_012],
  ])("after %i failures waits, by chance %d, %i ms", (failures, random, ms) => {
    expect(pauseMs(failures, random)).toBe(ms);
  });
});

it("a proxy whose password is not there does not start, least of all without one", async () => {
  const settings = { listen: "127.0.0.1:0", user: "bob", passwordFile: "/nowhere/at/all" };
  const report = { event: () => {}, failed: () => {} };
  await expect(PROXY.start({} as Client, settings, report)).rejects.toMatchObject({ code: "config-unreadable" });
});

describe("settings", () => {
  const problem = (text: string) => {
    try {
      planServices(readServices(text, "web.yaml"), parseService);
      return undefined;
    } catch (error) {
      const { code, message, advice } = error as FirefliesError;
      return [code, `${message} ${advice}`];
    }
  };

  it.each([
    ["a forward", "web:\n  kind: forward\n  target: 127.0.0.1:8000\n  protocol: /x/http\n  allow: [bob, 'web-*']\n"],
    [
      "a listener",
      "services:\n  web:\n    kind: listen\n    to: bob\n    protocol: /x/http\n    listen: 127.0.0.1:0\n    idle: 60\n",
    ],
    ["a proxy", "p: { kind: proxy, listen: 1080, ports: { '80': /x/http } }"],
    ["a proxy with numbers", "p: { kind: proxy, listen: 1080, ports: { 80: /x/http }, idle: 200000 }"],
    ["a proxy for others", "p: { kind: proxy, listen: '0.0.0.0:1080', user: bob, password_file: secret }"],
    ["JSON", '{ "r": { "kind": "relay", "connections": 5 }, "v": { "kind": "rdv", "serves": "all" } }'],
    ["nothing", ""],
  ])("of %s are taken", (_, text) => {
    expect(problem(text)).toBeUndefined();
  });

  it.each([
    [
      "a key",
      "web:\n  kind: forward\n  targt: 127.0.0.1:1\n",
      "config-unknown-key",
      'web.yaml, line 3: there is no key "targt". Did you mean target?',
    ],
    [
      "a value",
      "web:\n  kind: forward\n  target: 127.0.0.1:1\n  connections: 0\n",
      "config-bad-value",
      "web.yaml, line 4: connections must be a whole number from 1 to 65536",
    ],
    [
      "an address",
      "web:\n  kind: forward\n  target: nowhere\n",
      "config-bad-value",
      "web.yaml, line 3: target cannot be used",
    ],
    [
      "a rule",
      "web:\n  kind: forward\n  target: :80\n  allow: ['!']\n",
      "config-bad-value",
      "web.yaml, line 4: allow cannot be used",
    ],
    [
      "what is missing",
      "web:\n  kind: listen\n  to: bob\n",
      "config-bad-value",
      "web.yaml, line 1: the service web needs protocol.",
    ],
    ["no kind", "web:\n  target: x\n", "config-bad-value", "web.yaml, line 1: the service web needs a kind."],
    ["a kind", "web:\n  kind: froward\n", "config-bad-value", "Did you mean forward?"],
    ["no target for messages", "t:\n  kind: topics\n  topic: a\n", "config-bad-value", "the service t needs post."],
    [
      ...(["a topic", "t:\n  kind: topics\n  topic: a..b\n  post: http://x/\n", "config-bad-value"] as const),
      "has an empty token",
    ],
    ["a URL", "t:\n  kind: topics\n  topic: a\n  post: file:///x\n", "config-bad-value", "http:// or https://"],
    [
      ...(["a protocol", "w:\n  kind: forward\n  target: :80\n  protocol: a b\n", "config-bad-value"] as const),
      'web.yaml, line 4: protocol cannot be used: "a b" is no name of a protocol',
    ],
    [
      ...(["a Unix socket without a name", "w:\n  kind: forward\n  target: unix:/x\n", "config-bad-value"] as const),
      "web.yaml, line 1: the service w: A forward to a Unix socket has no port to be named by. Give it a protocol",
    ],
    [
      ...(["port 0", "w:\n  kind: forward\n  target: :0\n", "config-bad-value"] as const),
      "the service w: 127.0.0.1:0 is no target",
    ],
    [
      ...(["a map", "p:\n  kind: proxy\n  listen: 1080\n  ports: { http: /x }\n", "config-bad-value"] as const),
      'web.yaml, line 4: ports cannot be used: "http" cannot be used. Ports are numbers from 1 to 65535',
    ],
    ["a map of numbers", "p: { kind: proxy, listen: 1080, ports: { 80: 80 } }", "config-bad-value", "is a string"],
    [
      ...(["a user alone", "p: { kind: proxy, listen: 1080, user: bob }", "config-bad-value"] as const),
      "the service p: A proxy has a user and a password",
    ],
    [
      ...(["a proxy that is open to others", "p: { kind: proxy, listen: '0.0.0.0:1' }", "config-bad-value"] as const),
      "the service p: Other machines reach 0.0.0.0:1",
    ],
    [
      ...(["a proxy for datagrams", "p: { kind: proxy, listen: 'udp://:53' }", "config-bad-value"] as const),
      "the service p: ",
    ],
    [
      ...(["two names", "h: { kind: http, root: ., service: a, protocol: /b }", "config-bad-value"] as const),
      "the service h: A server has the name of a protocol, or of a service, and not both.",
    ],
    ["a service", "h: { kind: http, root: ., service: a/b }", "config-bad-value", "service cannot be used"],
    ["a name", "a b:\n  kind: relay\n", "config-bad-value", 'web.yaml, line 1: a service cannot be called "a b".'],
    ["a list", "- a\n", "config-bad-value", "must be a mapping"],
    ["YAML", "a: [\n", "config-unreadable", "line 1"],
  ])("are refused for %s, with the line", (_, text, code, words) => {
    expect(problem(text)).toEqual([code, expect.stringContaining(words)]);
  });
});
