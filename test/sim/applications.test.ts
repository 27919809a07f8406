/** Applications on a simulation: messages, gossip and its answers. */
import { describe, expect, it } from "vitest";
import { partition, type Reply, type Seat, Simulation } from "../../sim/index.js";

const text = (bytes: Uint8Array) => String.fromCharCode(...bytes);
const bytes = (value: string) => Uint8Array.from(value, (character) => character.charCodeAt(0));

function setUp(options: { readonly members?: number; readonly loss?: number } = {}) {
  const { members = 8, loss = 0 } = options;
  const simulation = new Simulation({ members, rings: 5, seed: 21, network: { loss } });
  const [first, second] = simulation.members as [Seat, Seat];
  const replies: (Reply & { readonly at: number })[] = [];
  const send = (from = first, to = second, timeoutMs?: number) => {
    const onReply = (reply: Reply) => replies.push({ ...reply, at: simulation.now });
    simulation.message(from, to, bytes("ping"), onReply, timeoutMs ? { timeoutMs } : {});
  };
  return { simulation, first, second, replies, send };
}

describe("a message", () => {
  it("reaches the handler with its sender, and its answer comes back", () => {
    const { simulation, first, second, replies, send } = setUp();
    simulation.onMessage(second, ({ from, to, data }) => bytes(`${text(data)} from ${from.name} to ${to.name}`));
    send();
    simulation.run(100);
    expect(replies).toHaveLength(1);
    const [reply] = replies;
    expect(reply?.ok && text(reply.data)).toBe("ping from m0 to m1");
    expect(simulation.traffic(first).message).toBeGreaterThan(4);
    expect(simulation.traffic(second).message).toBeGreaterThan(4);
  });

  it("of a hundred segments is late when some get lost, and only these are sent again", () => {
    const { simulation, first, second } = setUp({ loss: 0.15 });
    const times: number[] = [];
    simulation.onMessage(second, () => bytes("ok"));
    for (let count = 0; count < 50; count++) {
      const sentAt = simulation.now;
      const onReply = (reply: Reply) => times.push(reply.ok ? simulation.now - sentAt : Number.POSITIVE_INFINITY);
      simulation.message(first, second, new Uint8Array(140_000), onReply, { timeoutMs: 5_000 });
      simulation.run(5_000);
    }
    times.sort((a, b) => a - b);
    expect(times).toHaveLength(50);
    // A segment or its answer that is alone and lost waits 200 ms; most are told of by those that came behind.
    expect(times[25]).toBeLessThan(600);
    expect(times[47]).toBeLessThan(2_000);
    expect(times[0]).toBeGreaterThan(1);
  });

  it("may be answered later, once", () => {
    const { simulation, second, replies, send } = setUp();
    simulation.onMessage(second, (message) => {
      simulation.at(500, () => message.reply(bytes("late")));
      simulation.at(600, () => message.reply(bytes("twice")));
    });
    send();
    simulation.run(5000);
    expect(replies.map((reply) => reply.ok && text(reply.data))).toEqual(["late"]);
    expect(replies[0]!.at).toBeGreaterThan(500);
  });

  it("ends at its deadline when nobody answers in time", () => {
    const { simulation, second, replies, send } = setUp();
    simulation.onMessage(second, (message) => {
      simulation.at(3000, () => message.reply(bytes("too late")));
    });
    send(undefined, undefined, 2000);
    simulation.run(10_000);
    expect(replies).toEqual([{ ok: false, reason: "timeout", at: 2000 }]);
  });

  it("says why there is no answer", () => {
    const { simulation, second, replies, send } = setUp();
    const third = simulation.members[2]!;
    send();
    simulation.onMessage(third, () => {
      throw new Error("mine");
    });
    send(undefined, third);
    simulation.run(100);
    simulation.crash(second, { refusing: true });
    send();
    simulation.run(100);
    simulation.runUntil(() => simulation.isWhole(), 20_000);
    send();
    const reasons = replies.map((reply) => (reply.ok ? "answered" : reply.reason));
    expect(reasons.toSorted()).toEqual(["handler-failed", "member-unknown", "no-handler", "unreachable"]);
  });

  it("is refused by one who does not hold its sender as a member", () => {
    const { simulation, first, second, replies, send } = setUp({ members: 9 });
    const split = simulation.network.add(partition("m0 alone", [[first], simulation.members.slice(1)]));
    const isOut = () => simulation.members.slice(1).every(({ machine }) => !machine.member(first.id));
    expect(simulation.runUntil(isOut, 30_000, 10)).toBeDefined();
    simulation.onMessage(second, () => bytes("never"));
    simulation.network.remove(split);
    if (first.machine.member(second.id)) send();
    else replies.push({ ok: false, reason: "refused", at: simulation.now });
    simulation.run(50);
    expect(replies).toMatchObject([{ ok: false, reason: "refused" }]);
  });

  it("gets through 30 % loss, later: it is sent again", () => {
    const { simulation, second, replies, send } = setUp({ loss: 0.3 });
    simulation.onMessage(second, () => bytes("here"));
    for (let count = 0; count < 50; count++) send();
    simulation.run(11_000);
    expect(replies).toHaveLength(50);
    expect(replies.filter(({ ok }) => ok).length).toBeGreaterThan(45);
    expect(Math.max(...replies.map(({ at }) => at))).toBeGreaterThan(200);
  });

  it("waits while its receiver stands still, and keeps its handler over a restart", () => {
    const { simulation, second, replies, send } = setUp();
    simulation.onMessage(second, () => bytes("awake"));
    simulation.stall(second);
    send();
    simulation.run(1000);
    expect(replies).toEqual([]);
    simulation.resume(second);
    simulation.run(100);
    expect(replies).toHaveLength(1);
    simulation.crash(second);
    simulation.restart(second, { keepState: true });
    simulation.runUntil(() => simulation.isWhole(), 20_000);
    send();
    simulation.run(100);
    expect(replies.filter(({ ok }) => ok)).toHaveLength(2);
  });
});

describe("gossip", () => {
  it("goes to ring neighbours in every interval, and their answers come back", () => {
    const { simulation, first } = setUp();
    const heard = new Map<string, string>();
    const answers: string[] = [];
    simulation.setGossip(first, bytes("v1"));
    for (const seat of simulation.members) {
      simulation.onGossip(seat, ({ from, data }) => {
        heard.set(seat.name, `${text(data)} from ${from.name}`);
        return bytes(`thanks from ${seat.name}`);
      });
    }
    simulation.onResponse(first, (data, from) => answers.push(`${text(data)} by ${from.name}`));
    simulation.run(20_000);
    expect(heard.size).toBeGreaterThan(2);
    expect(new Set(heard.values())).toEqual(new Set(["v1 from m0"]));
    // One a round; a member's first rounds come faster.
    expect(answers.length).toBeGreaterThanOrEqual(20);
    expect(answers.length).toBeLessThan(30);
    expect(simulation.traffic(first).gossip).toBeGreaterThan(0);
    simulation.setGossip(first, undefined);
    answers.length = 0;
    simulation.run(5000);
    expect(answers).toEqual([]);
  });
});
