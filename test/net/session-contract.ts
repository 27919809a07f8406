/** What every session must do (net/session/session.ts), as one suite that runs over each transport and from either end. */
import { once } from "node:events";
import { setImmediate as turn } from "node:timers/promises";
import { afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { FirefliesError, type Identity } from "../../identity/index.js";
import { type Bound, type ByteDuplex, deadlineIn, type Session } from "../../net/index.js";
import { DAY_MS, TestNetwork } from "../support/test-network.js";

import {
  bytes,
  CALL_BYTES_MAX,
  type ContractSubject,
  codeOf,
  DUPLEX_BYTES_MAX,
  type DuplexKind,
  endOf,
  type Member,
  Scene,
  soon,
  TIMEOUT_MS,
} from "./session-scene.js";

export function sessionContract(name: string, subject: ContractSubject): void {
  describe(`sessions over ${name}`, () => {
    let network: TestNetwork;
    let [aliceId, bobId]: Identity[] = [];
    let scene: Scene;
    let alice: Member;
    let bob: Member;
    let bound: Bound;

    beforeAll(async () => {
      network = await TestNetwork.create();
      [aliceId, bobId] = [await network.member(), await network.member()];
    });
    beforeEach(async () => {
      scene = new Scene(subject);
      [alice, bob] = [scene.member(aliceId!), scene.member(bobId!)];
      bound = await scene.listen(bob);
    });
    afterEach(() => scene.close());

    describe("the handshake", () => {
      it("proves both ends to each other", async () => {
        const session = await scene.connect(alice, bound);
        const other = await bob.nextSession();
        expect(session.peer.hash).toEqual(bobId!.certificate.hash);
        expect(other.peer.hash).toEqual(aliceId!.certificate.hash);
        expect([session.path.direction, other.path.direction]).toEqual(["dialled", "accepted"]);
      });

      it("lets the dialler insist on a member", async () => {
        const expecting = (identity: Identity) => scene.connect(alice, bound, { expect: identity.certificate.id });
        expect(await codeOf(expecting(aliceId!))).toBe("peer-mismatch");
        expect((await expecting(bobId!)).peer.id).toBe(bobId!.certificate.id);
      });

      it("refuses the certificate of another authority, either way", async () => {
        const stranger = await (await TestNetwork.create()).member();
        expect(await codeOf(scene.connect(scene.member(stranger), bound))).toBe("certificate-invalid");
        // One who trusts our root but is of another authority gets through its own check, not through ours.
        const credulous = {
          ...stranger,
          root: bobId!.root,
          certificate: { ...stranger.certificate, ...network.network },
        };
        expect(await codeOf(scene.connect(scene.member(credulous), bound))).toBe("peer-unreachable");
        expect(bob.sessions).toEqual([]);
      });

      it("refuses another network of the same root", async () => {
        const other = await TestNetwork.create({ ringCount: 11 });
        expect(await codeOf(scene.connect(scene.member(await other.member()), bound))).toBe("certificate-invalid");
      });

      it("refuses an expired certificate, either way", async () => {
        const validity = { notBefore: bob.now - 10 * DAY_MS, notAfter: bob.now - DAY_MS };
        const expired = scene.member(await network.member({ validity, at: bob.now - 2 * DAY_MS }));
        await expect(scene.connect(expired, bound)).rejects.toMatchObject({
          code: "peer-refused",
          message: expect.stringMatching(
            /refuses this member \(certificate-invalid\): .* expired\. It ended at .* later\.$/,
          ),
          cause: { code: "certificate-invalid" },
        });
        expect(await codeOf(scene.connect(alice, await scene.listen(expired)))).toBe("certificate-invalid");
      });

      it("gives up at its deadline or when cancelled, and closes the connection", async () => {
        expect(await codeOf(scene.connect(alice, bound, { signal: AbortSignal.abort() }))).toBe("cancelled");
        expect(await codeOf(scene.connect(alice, bound, { deadline: 0 }))).toBe("timeout");
        for (const connection of scene.connections) if (!connection.closed) await once(connection, "close");
        await alice.host.close(0);
        expect(await codeOf(scene.connect(alice, bound))).toBe("link-closed");
      });

      it("tells who is not admitted why, in code and words", async () => {
        bob.refusal = "revoked";
        await expect(scene.connect(alice, bound)).rejects.toMatchObject({
          code: "peer-refused",
          message: expect.stringMatching(/refuses this member .*: The member refuses this caller: revoked\.$/),
          cause: { code: "peer-refused" },
        });
        bob.refusal = undefined;
        await (await scene.connect(alice, bound)).call("probe", bytes(), soon());
      });

      it("uses a renewed certificate from the next connection on", async () => {
        let current = bobId!;
        const renewing = await scene.listen(scene.member(() => current));
        expect((await scene.connect(alice, renewing)).peer.hash).toEqual(bobId!.certificate.hash);
        current = await network.member({ id: bobId!.certificate.id });
        expect((await scene.connect(alice, renewing)).peer.hash).toEqual(current.certificate.hash);
      });

      it("keeps a bounded number of accepted sessions per member, and closes the oldest", async () => {
        const oldest = await scene.connect(alice, bound);
        const lost = new Promise((resolve) => oldest.onClose(resolve));
        const others = [];
        for (let i = 0; i < 4; i++) others.push(await scene.connect(alice, bound));
        await lost;
        expect(others.map(({ closed }) => closed)).toEqual([false, false, false, false]);
      });
    });

    // Everything that follows must not depend on who dialled.
    describe.each(["dialled", "accepted"] as const)("from the end that %s", (direction) => {
      /** The member that begins things, the one that serves, and their ends of the session. */
      let [near, far]: Member[] = [];
      let [session, other]: Session[] = [];

      beforeEach(async () => {
        const dialled = await scene.connect(alice, bound);
        const accepted = await bob.nextSession();
        const isDialled = direction === "dialled";
        [near, far] = isDialled ? [alice, bob] : [bob, alice];
        [session, other] = isDialled ? [dialled, accepted] : [accepted, dialled];
      });
      const ask = (protocol: string, body: Uint8Array, more = {}) =>
        session!.call(protocol, body, { ...soon(), ...more });
      async function pair(kind: DuplexKind): Promise<{ mine: ByteDuplex; theirs: ByteDuplex }> {
        const mine = session!.open(kind);
        return { mine, theirs: (await far!.nextDuplex()).duplex };
      }

      describe("the session", () => {
        it.each(["own", "other"] as const)(
          "tells of its end at the %s end, once, and fails what was running",
          async (who) => {
            let closes = 0;
            session!.onClose(() => closes++);
            const lost = new Promise<void>((resolve) => session!.onClose(() => resolve()));
            const duplexEnd = endOf(session!.open("stream"));
            const farEnd = endOf((await far!.nextDuplex()).duplex);
            far!.onCall = () => new Promise(() => {});
            const running = codeOf(ask("probe", bytes()));
            await turn();
            (who === "own" ? session! : other!).close();
            (who === "own" ? session! : other!).close();
            await lost;
            expect(await duplexEnd).toEqual(["link-closed"]);
            expect(await farEnd).toEqual(["link-closed"]);
            expect(await running).toBe("link-closed");
            expect(session!.closed).toBe(true);
            expect(await codeOf(ask("probe", bytes()))).toBe("link-closed");
            expect(await endOf(session!.open("stream"))).toEqual(["link-closed"]);
            session!.onClose(() => closes++);
            expect(closes).toBe(2);
            expect(session!.active).toBe(0);
          },
        );

        it("passes on the code that it is closed with", async () => {
          const { mine, theirs } = await pair("messages");
          const ends = [endOf(mine), endOf(theirs)];
          const reasons: string[] = [];
          session!.onClose(({ code }) => reasons.push(code));
          session!.close(new FirefliesError("peer-removed"));
          expect(await Promise.all(ends)).toEqual([["peer-removed"], ["peer-removed"]]);
          expect(reasons).toEqual(["peer-removed"]);
        });

        it("counts what is open on it", async () => {
          const { mine, theirs } = await pair("stream");
          expect([session!.active, other!.active]).toEqual([1, 1]);
          mine.destroy();
          await endOf(theirs);
          expect([session!.active, other!.active]).toEqual([0, 0]);
        });

        it("lets running calls be answered while its host closes", async () => {
          let answer!: () => void;
          const asked = new Promise<void>((resolve) => {
            far!.onCall = (_, body) => {
              resolve();
              return new Promise((reply) => {
                answer = () => reply(body);
              });
            };
          });
          const running = ask("exchange", bytes(7));
          await asked;
          const closed = far!.host.close(TIMEOUT_MS);
          await new Promise((resolve) => session!.onClose(resolve));
          expect(await codeOf(ask("exchange", bytes(8)))).toBe("link-closed");
          answer();
          expect(await running).toEqual(bytes(7));
          await closed;
        });
      });

      describe("calls", () => {
        it("are answered, many at once, each with its own", async () => {
          const answers = await Promise.all(Array.from({ length: 16 }, (_, i) => ask("exchange", bytes(i))));
          expect(answers).toEqual(Array.from({ length: 16 }, (_, i) => bytes(i)));
          expect(answers.some((answer) => Buffer.isBuffer(answer))).toBe(false);
        });

        it("carry bodies of every size up to the limit, and not one byte more", async () => {
          for (const size of [0, 1, 65_536, CALL_BYTES_MAX]) {
            const answer = await ask("exchange", new Uint8Array(size).fill(7));
            expect(answer.length).toBe(size);
            expect(answer.every((value) => value === 7)).toBe(true);
          }
          expect(await codeOf(ask("exchange", new Uint8Array(CALL_BYTES_MAX + 1)))).toBe("message-too-large");
          far!.onCall = async () => new Uint8Array(CALL_BYTES_MAX + 1);
          expect(await codeOf(ask("exchange", bytes()))).toBe("message-too-large");
        });

        it("are admitted one by one", async () => {
          await ask("probe", bytes());
          far!.refusal = "removed";
          await expect(ask("probe", bytes())).rejects.toMatchObject({
            code: "peer-refused",
            message: expect.stringContaining("removed"),
          });
          far!.refusal = "peer-removed";
          expect(await codeOf(ask("probe", bytes()))).toBe("peer-removed");
          expect(await endOf(session!.open("stream"))).toEqual(["peer-removed"]);
          expect(far!.opened).toEqual([]);
          far!.refusal = undefined;
          await ask("probe", bytes());
        });

        it("are judged by dates, at both ends", async () => {
          near!.now += 60 * DAY_MS;
          expect(await codeOf(ask("probe", bytes()))).toBe("certificate-invalid");
          expect(await endOf(session!.open("stream"))).toEqual(["certificate-invalid"]);
          near!.now -= 60 * DAY_MS;
          far!.now += 60 * DAY_MS;
          expect(await codeOf(ask("probe", bytes()))).toBe("certificate-invalid");
          expect(await endOf(session!.open("stream"))).toEqual(["certificate-invalid"]);
        });

        it("keep their deadline, and tell the handler", async () => {
          let isAsked = false;
          const aborted = new Promise<void>((resolve) => {
            far!.onCall = (_peer, _body, signal) => {
              isAsked = true;
              return new Promise(() => signal.addEventListener("abort", () => resolve()));
            };
          });
          // On a busy machine the first deadline may come before the call has arrived.
          for (let ms = 50; !isAsked; ms *= 2)
            expect(await codeOf(ask("exchange", bytes(), { deadline: deadlineIn(ms) }))).toBe("timeout");
          await aborted;
          far!.onCall = async (_, body) => body;
          expect(await ask("exchange", bytes(1), { deadline: Number.POSITIVE_INFINITY })).toEqual(bytes(1));
        });

        it("can be cancelled, and tell the handler", async () => {
          const controller = new AbortController();
          const { signal } = controller;
          const aborted = new Promise<void>((resolve) => {
            far!.onCall = (_peer, _body, gone) => {
              gone.addEventListener("abort", () => resolve());
              controller.abort();
              return new Promise(() => {});
            };
          });
          expect(await codeOf(ask("exchange", bytes(), { signal }))).toBe("cancelled");
          await aborted;
          expect(await codeOf(ask("exchange", bytes(), { signal }))).toBe("cancelled");
        });

        it("turn what a handler throws or rejects into a code, and go on", async () => {
          far!.onCall = async () => Promise.reject(new Error("boom"));
          await expect(ask("exchange", bytes())).rejects.toMatchObject({
            code: "handler-failed",
            message: expect.not.stringContaining("boom"),
          });
          // What JSON.parse says of an emoji holds half of it, which is no text.
          far!.onCall = async () => JSON.parse("😀");
          expect(await codeOf(ask("exchange", bytes()))).toBe("handler-failed");
          far!.onCall = () => {
            throw new FirefliesError("overloaded");
          };
          expect(await codeOf(ask("exchange", bytes()))).toBe("overloaded");
          far!.onCall = async () => "no bytes" as unknown as Uint8Array;
          expect(await codeOf(ask("exchange", bytes()))).toBe("handler-failed");
          far!.onCall = async (_, body) => body;
          expect(await ask("exchange", bytes(3))).toEqual(bytes(3));
        });
      });

      describe("protocols", () => {
        const limits = { bytesMax: 10, openPerPeerMax: 1 };
        const onCall = async (_: unknown, body: Uint8Array) => body;

        it("come and go while the session is open", async () => {
          near!.protocols.register({ kind: "call", id: "later", limits, onCall });
          expect(await codeOf(ask("later", bytes()))).toBe("protocol-unknown");
          const remove = far!.protocols.register({ kind: "call", id: "later", limits, onCall });
          expect(await ask("later", bytes(1))).toEqual(bytes(1));
          remove();
          expect(await codeOf(ask("later", bytes()))).toBe("protocol-unknown");
        });

        it("are known by their kind, and are to be registered at both ends", async () => {
          expect(await codeOf(ask("unheard-of", bytes()))).toBe("protocol-unknown");
          expect(await codeOf(ask("stream", bytes()))).toBe("protocol-unknown");
          expect(await endOf(session!.open("exchange"))).toEqual(["protocol-unknown"]);
          near!.protocols.register({ kind: "duplex", id: "one-sided", limits, onDuplex: () => {} });
          expect(await endOf(session!.open("one-sided"))).toEqual(["protocol-unknown"]);
          for (const member of [near!, far!]) member.protocols.register({ kind: "call", id: "small", limits, onCall });
          expect(await ask("small", new Uint8Array(10))).toEqual(new Uint8Array(10));
          expect(await codeOf(ask("small", new Uint8Array(11)))).toBe("message-too-large");
        });

        it("have a limit of their own for one member, over all its sessions", async () => {
          let answer!: (body: Uint8Array) => void;
          near!.protocols.register({ kind: "call", id: "one", limits, onCall });
          const slow = () => new Promise<Uint8Array>((resolve) => (answer = resolve));
          far!.protocols.register({ kind: "call", id: "one", limits, onCall: slow });
          const first = ask("one", bytes());
          expect(await codeOf(ask("one", bytes()))).toBe("overloaded");
          expect(await codeOf((await scene.connect(alice, bound)).call("probe", bytes(), soon()))).toBe("no error");
          answer(bytes(1));
          await first;
          await expect.poll(() => codeOf(ask("one", bytes(), { deadline: deadlineIn(50) }))).toBe("timeout");
        });

        it("refuse a duplex too many, and take another when one has ended", async () => {
          const onDuplex = () => {};
          for (const member of [near!, far!])
            member.protocols.register({ kind: "duplex", id: "one", limits, onDuplex });
          const first = session!.open("one");
          expect(await endOf(session!.open("one"))).toEqual(["overloaded"]);
          first.destroy();
          await expect.poll(() => other!.active).toBe(0);
          const again = session!.open("one");
          again.end(bytes(1));
          await once(again, "finish");
        });
      });

      describe.each(["messages", "stream"] as const)("a duplex of protocol %s", (kind) => {
        it("keeps order both ways", async () => {
          const { mine, theirs } = await pair(kind);
          const sent = Array.from({ length: 500 }, (_, i) => bytes(i & 255, i >> 8));
          const collect = async (duplex: ByteDuplex) => {
            const got: Uint8Array[] = [];
            for await (const chunk of duplex) got.push(chunk as Uint8Array);
            return got;
          };
          const results = Promise.all([collect(mine), collect(theirs)]);
          for (const chunk of sent) {
            mine.write(chunk);
            theirs.write(chunk);
          }
          mine.end();
          theirs.end();
          expect(await results).toEqual([sent, sent]);
        });

        it("leaves a chunk to its writer once it has called back", async () => {
          const { mine, theirs } = await pair(kind);
          const chunk = new Uint8Array(100_000);
          const write = () => new Promise((resolve) => mine.write(chunk, resolve));
          const writing = (async () => {
            for (let round = 0; round < 50; round++) {
              chunk.fill(round);
              await write();
            }
            mine.end();
          })();
          const got: unknown[] = [];
          for await (const data of theirs) got.push([...new Set(data as Uint8Array)]);
          await writing;
          expect(got).toEqual(Array.from({ length: 50 }, (_, round) => [round]));
        });

        it("sends what was written before a chunk that it refuses", async () => {
          const { mine, theirs } = await pair(kind);
          const end = endOf(mine);
          theirs.on("error", () => {});
          mine.cork();
          mine.write(bytes(1));
          mine.write("text");
          mine.uncork();
          expect(await once(theirs, "data")).toEqual([bytes(1)]);
          await end;
        });

        it.each(["near", "far"] as const)(
          "closes one direction at the %s end while the other goes on",
          async (first) => {
            const { mine, theirs } = await pair(kind);
            const [early, late] = first === "near" ? [mine, theirs] : [theirs, mine];
            const ends = [endOf(early), endOf(late)];
            early.end(bytes(1));
            late.resume();
            await once(late, "end");
            late.write(bytes(2));
            const [chunk] = (await once(early, "data")) as [Uint8Array];
            expect(chunk).toEqual(bytes(2));
            late.end();
            early.resume();
            expect(await Promise.all(ends)).toEqual([[], []]);
          },
        );

        it.each(["near", "far"] as const)(
          "ends both ends once, with the code, when the %s end is destroyed",
          async (who) => {
            const { mine, theirs } = await pair(kind);
            const [one, two] = who === "near" ? [mine, theirs] : [theirs, mine];
            const ends = [endOf(one), endOf(two)];
            two.resume();
            one.write(bytes(1));
            one.destroy(new FirefliesError("peer-removed"));
            one.destroy(new FirefliesError("timeout"));
            expect(await Promise.all(ends)).toEqual([["peer-removed"], ["peer-removed"]]);
          },
        );

        it.each(["near", "far"] as const)(
          "says stream-reset when the %s end is destroyed without a reason",
          async (who) => {
            const { mine, theirs } = await pair(kind);
            const [one, two] = who === "near" ? [mine, theirs] : [theirs, mine];
            const ends = [endOf(one), endOf(two)];
            two.resume();
            one.destroy();
            expect(await Promise.all(ends)).toEqual([[], ["stream-reset"]]);
          },
        );

        it("is cancelled by its signal", async () => {
          const controller = new AbortController();
          const mine = session!.open(kind, { signal: controller.signal });
          const { duplex } = await far!.nextDuplex();
          duplex.resume();
          const ends = [endOf(mine), endOf(duplex)];
          controller.abort();
          expect(await Promise.all(ends)).toEqual([["cancelled"], ["cancelled"]]);
          expect(await endOf(session!.open(kind, { signal: controller.signal }))).toEqual(["cancelled"]);
        });

        it("carries the largest message, and refuses one byte more", async () => {
          const { mine, theirs } = await pair(kind);
          const limit = DUPLEX_BYTES_MAX[kind];
          mine.write(new Uint8Array(limit).fill(9));
          const [chunk] = (await once(theirs, "data")) as [Uint8Array];
          expect(chunk.length).toBe(limit);
          expect(chunk[limit - 1]).toBe(9);
          const ends = [endOf(mine), endOf(theirs)];
          mine.write(new Uint8Array(limit + 1));
          expect(await Promise.all(ends)).toEqual([["message-too-large"], ["message-too-large"]]);
        });

        it.each(["near", "far"] as const)(
          "makes the writer at the %s end wait for its reader, and holds up nobody else",
          async (who) => {
            const { mine, theirs } = await pair(kind);
            const [writer, reader] = who === "near" ? [mine, theirs] : [theirs, mine];
            const chunk = new Uint8Array(128 * 1024);
            const READ_CHUNKS = 64; // 8 MiB: more than may be on its way.
            let written = 0;
            let blocked = false;
            // Writes until three calls over the same session pass without room.
            const write = () => {
              blocked = false;
              while (written < 1000) {
                written++;
                if (!writer.write(chunk)) break;
              }
              blocked = true;
              if (written < 1000) writer.once("drain", write);
            };
            write();
            for (let before = -1; before !== written; ) {
              before = written;
              for (let i = 0; i < 3; i++) await ask("exchange", new Uint8Array(1000));
            }
            expect(blocked).toBe(true);
            expect(written).toBeLessThan(READ_CHUNKS);
            expect(far!.host.memory + near!.host.memory).toBeGreaterThan(0);
            let read = 0;
            const done = new Promise<void>((resolve) => {
              reader.on("data", (got: Uint8Array) => {
                read += got.length;
                if (read >= READ_CHUNKS * chunk.length) resolve();
              });
            });
            await done;
          },
        );

        it("says finish when the other process has everything, whatever either side has not read", async () => {
          const { mine, theirs } = await pair(kind);
          const big = new Uint8Array(64 * 1024).fill(1);
          for (let i = 0; i < 8; i++) theirs.write(big);
          for (let i = 0; i < 8; i++) mine.write(big);
          mine.end();
          await once(mine, "finish"); // Nobody has read a byte yet.
          session!.close();
          let read = 0;
          const end = endOf(theirs);
          for await (const chunk of theirs.iterator({ destroyOnReturn: false })) read += (chunk as Uint8Array).length;
          expect(read).toBe(8 * big.length);
          expect(await end).toEqual(["link-closed"]);
        });

        it.each([
          ["its writer gives the rest up", "member-stopping"],
          ["its reader's side does", "peer-removed"],
          ["its reader's side closes the session", "link-closed"],
        ])("lets what came to its end be read when %s", async (how, code) => {
          const { mine, theirs } = await pair(kind);
          const big = new Uint8Array(64 * 1024).fill(1);
          for (let i = 0; i < 4; i++) mine.write(big);
          mine.end();
          await once(mine, "finish");
          const end = endOf(theirs);
          if (code === "member-stopping") mine.destroy(new FirefliesError(code));
          else if (code === "peer-removed") theirs.giveUp(new FirefliesError(code));
          else other!.close();
          let read = 0;
          for await (const chunk of theirs.iterator({ destroyOnReturn: false })) read += (chunk as Uint8Array).length;
          expect({ how, read, end: await end }).toEqual({ how, read: 4 * big.length, end: [code] });
        });

        it("says no finish when the session is lost before", async () => {
          const { mine } = await pair(kind);
          let finished = false;
          mine.on("finish", () => {
            finished = true;
          });
          mine.write(bytes(1));
          scene.connections.at(-1)!.destroy();
          mine.end();
          expect(await endOf(mine)).toEqual(["link-closed"]);
          expect(finished).toBe(false);
        });

        it("survives owners that forget to listen for errors, and handlers that throw", async () => {
          far!.onDuplex = () => {
            throw new Error("boom");
          };
          expect(await endOf(session!.open(kind))).toEqual(["handler-failed"]);
          session!.open(kind).destroy(new Error("mine"));
          expect(await ask("exchange", bytes(5))).toEqual(bytes(5));
        });
      });
    });

    it("recheck closes the sessions of members that are no longer admitted", async () => {
      const session = await scene.connect(alice, bound);
      const lost = new Promise<FirefliesError>((resolve) => session.onClose(resolve));
      bob.host.recheck();
      await session.call("probe", bytes(), soon());
      bob.refusal = "revoked";
      bob.host.recheck();
      await lost;
    });
  });
}
