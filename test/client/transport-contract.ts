/** What every transport must do (client/transport.ts), as one suite that each implementation runs. */
import { once } from "node:events";
import { setImmediate as turn } from "node:timers/promises";
import { afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { formatAddress } from "../../client/address.js";
import {
  type ByteDuplex,
  CALL_BYTES_MAX,
  DUPLEX_BYTES_MAX,
  type DuplexKind,
  type Link,
  type Listener,
  type Transport,
  type TransportHandlers,
  type TransportOptions,
} from "../../client/transport.js";
import { FirefliesError, type Identity, type MemberCertificate } from "../../identity/index.js";
import { DAY_MS, TestNetwork } from "../support/test-network.js";

export interface ContractSubject {
  /** A transport; those of one `create` call's result can reach each other. */
  readonly create: () => (options: TransportOptions) => Transport;
  readonly host: string;
}

const TIMEOUT_MS = 5_000;

interface Opened {
  readonly peer: MemberCertificate;
  readonly kind: DuplexKind;
  readonly duplex: ByteDuplex;
}

/** The answering member of a test: answers with what it got unless told otherwise, and collects duplexes. */
class Server {
  readonly opened: Opened[] = [];
  refusal: string | undefined;
  onCall: TransportHandlers["onCall"] = async (_peer, _kind, body) => body;
  #waiting: (() => void) | undefined;

  readonly handlers: TransportHandlers = {
    admit: () => this.refusal,
    onCall: (peer, kind, body, signal) => this.onCall(peer, kind, body, signal),
    onDuplex: (peer, kind, duplex) => {
      this.opened.push({ peer, kind, duplex });
      this.#waiting?.();
    },
  };

  async nextDuplex(): Promise<Opened> {
    if (this.opened.length === 0) await new Promise<void>((resolve) => (this.#waiting = resolve));
    return this.opened.shift()!;
  }
}

const bytes = (...values: number[]) => Uint8Array.from(values);
const codeOf = (promise: Promise<unknown>) =>
  promise.then(
    () => "no error",
    (error: unknown) => (error instanceof FirefliesError ? error.code : error),
  );

/** Resolves, when the duplex has closed, to the codes of its errors. */
function endOf(duplex: ByteDuplex): Promise<readonly string[]> {
  const codes: string[] = [];
  let closes = 0;
  duplex.on("error", (error: FirefliesError) => codes.push(error.code));
  return new Promise((resolve) => {
    duplex.on("close", () => {
      closes++;
      setImmediate(() => resolve(closes === 1 ? codes : [`closed ${closes} times`]));
    });
  });
}

export function transportContract(name: string, subject: ContractSubject): void {
  describe(`${name} keeps the transport's contract`, () => {
    let network: TestNetwork;
    let alice: Identity;
    let bob: Identity;
    let create: (options: TransportOptions) => Transport;
    let server: Server;
    let listener: Listener;
    let address: string;
    let now: number;
    const links: Link[] = [];
    const listeners: Listener[] = [];

    beforeAll(async () => {
      network = await TestNetwork.create();
      [alice, bob] = [await network.member(), await network.member()];
    });
    beforeEach(async () => {
      create = subject.create();
      now = Date.now();
      server = new Server();
      listener = await listenAs(bob, server);
      address = formatAddress(listener.host, listener.port);
    });
    afterEach(async () => {
      for (const link of links.splice(0)) link.close();
      await Promise.all(listeners.splice(0).map((each) => each.close(0)));
    });

    const options = (identity: Identity): TransportOptions => ({ identity: () => identity, now: () => now });
    async function listenAs(identity: Identity, who: Server): Promise<Listener> {
      const made = await create(options(identity)).listen({ host: subject.host, port: 0, handlers: who.handlers });
      listeners.push(made);
      return made;
    }
    async function dialAs(identity: Identity, to = address, more = {}): Promise<Link> {
      const link = await create(options(identity)).dial(to, { timeoutMs: TIMEOUT_MS, ...more });
      links.push(link);
      return link;
    }
    async function pair(kind: DuplexKind): Promise<{ near: ByteDuplex; far: ByteDuplex; link: Link }> {
      const link = await dialAs(alice);
      const near = link.open(kind);
      return { near, far: (await server.nextDuplex()).duplex, link };
    }

    describe("links", () => {
      it("proves both ends to each other", async () => {
        const seen: MemberCertificate[] = [];
        server.onCall = async (peer, _kind, body) => {
          seen.push(peer);
          return body;
        };
        const link = await dialAs(alice);
        await link.call("exchange", bytes(1), { timeoutMs: TIMEOUT_MS });
        expect(link.peer.id).toBe(bob.certificate.id);
        expect(link.peer.hash).toEqual(bob.certificate.hash);
        expect(seen.map(({ id }) => id)).toEqual([alice.certificate.id]);
      });

      it("lets the dialler insist on a member", async () => {
        expect(await codeOf(dialAs(alice, address, { expect: alice.certificate.id }))).toBe("peer-mismatch");
        expect((await dialAs(alice, address, { expect: bob.certificate.id })).peer.id).toBe(bob.certificate.id);
      });

      it("refuses the certificate of another authority, either way", async () => {
        const stranger = await (await TestNetwork.create()).member();
        expect(await codeOf(dialAs(stranger))).toBe("certificate-invalid");
        // One who trusts our root but is of another authority gets through its own check, not through ours.
        expect(
          await codeOf(
            dialAs({ ...stranger, root: bob.root, certificate: { ...stranger.certificate, ...network.network } }),
          ),
        ).toBe("peer-refused");
      });

      it("refuses another network of the same root", async () => {
        const other = await TestNetwork.create({ ringCount: 11 });
        expect(await codeOf(dialAs(await other.member()))).toBe("certificate-invalid");
      });

      it("refuses an expired certificate, either way", async () => {
        const validity = { notBefore: now - 10 * DAY_MS, notAfter: now - DAY_MS };
        const expired = await network.member({ validity, at: now - 2 * DAY_MS });
        expect(await codeOf(dialAs(expired))).toBe("peer-refused");
        const old = await listenAs(expired, new Server());
        expect(await codeOf(dialAs(alice, formatAddress(old.host, old.port)))).toBe("certificate-invalid");
      });

      it("says when nobody answers, the address is none, or the caller cancels", async () => {
        const { host, port } = listener;
        await listener.close(0);
        expect(await codeOf(dialAs(alice, formatAddress(host, port)))).toBe("peer-unreachable");
        expect(await codeOf(dialAs(alice, "nonsense"))).toBe("address-invalid");
        expect(await codeOf(dialAs(alice, "::1:80"))).toBe("address-invalid");
        expect(await codeOf(dialAs(alice, address, { signal: AbortSignal.abort() }))).toBe("cancelled");
      });

      it("refuses to listen twice on one port", async () => {
        const { host, port } = listener;
        const again = create(options(alice)).listen({ host, port, handlers: server.handlers });
        await expect(again).rejects.toMatchObject({
          code: "address-in-use",
          message: expect.stringContaining(`${port}`),
        });
      });

      it("tells of its loss, once, and fails what was running", async () => {
        let closes = 0;
        const link = await dialAs(alice);
        link.onClose(() => closes++);
        const lost = new Promise<void>((resolve) => link.onClose(resolve));
        const duplexEnd = endOf(link.open("stream"));
        const far = endOf((await server.nextDuplex()).duplex);
        server.onCall = () => new Promise(() => {});
        const running = codeOf(link.call("probe", bytes(), { timeoutMs: TIMEOUT_MS }));
        await turn();
        await listener.close(0);
        await lost;
        expect(await running).toBe("link-closed");
        expect(await duplexEnd).toEqual(["link-closed"]);
        expect(await far).toEqual(["link-closed"]);
        expect(link.closed).toBe(true);
        expect(await codeOf(link.call("probe", bytes(), { timeoutMs: TIMEOUT_MS }))).toBe("link-closed");
        expect(await endOf(link.open("stream"))).toEqual(["link-closed"]);
        link.onClose(() => closes++);
        expect(closes).toBe(2);
      });

      it("ends everything when the dialler closes it", async () => {
        const { near, far, link } = await pair("messages");
        const ends = [endOf(near), endOf(far)];
        link.close();
        link.close();
        expect(await Promise.all(ends)).toEqual([["link-closed"], ["link-closed"]]);
      });

      it("uses a renewed certificate from the next connection on", async () => {
        let current = bob;
        const transport = create({ identity: () => current, now: () => now });
        const renewing = await transport.listen({ host: subject.host, port: 0, handlers: server.handlers });
        listeners.push(renewing);
        const to = formatAddress(renewing.host, renewing.port);
        expect((await dialAs(alice, to)).peer.hash).toEqual(bob.certificate.hash);
        current = await network.member({ id: bob.certificate.id });
        expect((await dialAs(alice, to)).peer.hash).toEqual(current.certificate.hash);
      });
    });

    describe("calls", () => {
      it("answers, many at once, each with its own", async () => {
        const link = await dialAs(alice);
        const answers = await Promise.all(
          Array.from({ length: 16 }, (_, i) => link.call("exchange", bytes(i), { timeoutMs: TIMEOUT_MS })),
        );
        expect(answers).toEqual(Array.from({ length: 16 }, (_, i) => bytes(i)));
      });

      it("carries bodies of every size up to the limit, and refuses one byte more", async () => {
        const link = await dialAs(alice);
        for (const size of [0, 1, 65_536, CALL_BYTES_MAX]) {
          const answer = await link.call("exchange", new Uint8Array(size).fill(7), { timeoutMs: TIMEOUT_MS });
          expect(answer.length).toBe(size);
          expect(answer.every((value) => value === 7)).toBe(true);
        }
        const tooLarge = link.call("exchange", new Uint8Array(CALL_BYTES_MAX + 1), { timeoutMs: TIMEOUT_MS });
        expect(await codeOf(tooLarge)).toBe("message-too-large");
      });

      it("asks for every call whether the caller is admitted", async () => {
        const link = await dialAs(alice);
        await link.call("probe", bytes(), { timeoutMs: TIMEOUT_MS });
        server.refusal = "removed";
        const refused = link.call("probe", bytes(), { timeoutMs: TIMEOUT_MS });
        await expect(refused).rejects.toMatchObject({
          code: "peer-refused",
          message: expect.stringContaining("removed"),
        });
        server.refusal = "peer-removed";
        expect(await codeOf(link.call("probe", bytes(), { timeoutMs: TIMEOUT_MS }))).toBe("peer-removed");
        expect(await endOf(link.open("stream"))).toEqual(["peer-removed"]);
        expect(server.opened).toEqual([]);
        server.refusal = undefined;
        await link.call("probe", bytes(), { timeoutMs: TIMEOUT_MS });
      });

      it("judges dates at every call", async () => {
        const link = await dialAs(alice);
        now += 60 * DAY_MS;
        expect(await codeOf(link.call("probe", bytes(), { timeoutMs: TIMEOUT_MS }))).toBe("certificate-invalid");
        expect(await endOf(link.open("stream"))).toEqual(["certificate-invalid"]);
      });

      it("keeps no connection for who is not admitted from the start", async () => {
        server.refusal = "revoked";
        const link = await dialAs(alice).catch((error: FirefliesError) => error.code);
        if (typeof link === "string") expect(link).toBe("peer-refused");
        else await new Promise<void>((resolve) => link.onClose(resolve));
        server.refusal = undefined;
        await (await dialAs(alice)).call("probe", bytes(), { timeoutMs: TIMEOUT_MS });
      });

      it("cuts on recheck who is no longer admitted", async () => {
        const link = await dialAs(alice);
        const lost = new Promise<void>((resolve) => link.onClose(resolve));
        listener.recheck();
        await link.call("probe", bytes(), { timeoutMs: TIMEOUT_MS });
        server.refusal = "revoked";
        listener.recheck();
        await lost;
      });

      it("keeps its deadline, and tells the handler", async () => {
        const link = await dialAs(alice);
        const aborted = new Promise<void>((resolve) => {
          server.onCall = (_peer, _kind, _body, signal) =>
            new Promise(() => signal.addEventListener("abort", () => resolve()));
        });
        expect(await codeOf(link.call("exchange", bytes(), { timeoutMs: 50 }))).toBe("timeout");
        await aborted;
      });

      it("can be cancelled, and tells the handler", async () => {
        const link = await dialAs(alice);
        const controller = new AbortController();
        const aborted = new Promise<void>((resolve) => {
          server.onCall = (_peer, _kind, _body, signal) => {
            signal.addEventListener("abort", () => resolve());
            controller.abort();
            return new Promise(() => {});
          };
        });
        const call = link.call("exchange", bytes(), { timeoutMs: TIMEOUT_MS, signal: controller.signal });
        expect(await codeOf(call)).toBe("cancelled");
        await aborted;
        const late = link.call("exchange", bytes(), { timeoutMs: TIMEOUT_MS, signal: controller.signal });
        expect(await codeOf(late)).toBe("cancelled");
      });

      it("turns what a handler throws or rejects into a code, and goes on", async () => {
        const link = await dialAs(alice);
        server.onCall = async () => Promise.reject(new Error("boom"));
        const failed = link.call("exchange", bytes(), { timeoutMs: TIMEOUT_MS });
        await expect(failed).rejects.toMatchObject({
          code: "handler-failed",
          message: expect.stringContaining("boom"),
        });
        // What JSON.parse says of an emoji holds half of it, which is no text.
        server.onCall = async () => JSON.parse("😀");
        expect(await codeOf(link.call("exchange", bytes(), { timeoutMs: TIMEOUT_MS }))).toBe("handler-failed");
        server.onCall = () => {
          throw new FirefliesError("overloaded");
        };
        expect(await codeOf(link.call("exchange", bytes(), { timeoutMs: TIMEOUT_MS }))).toBe("overloaded");
        server.onCall = async (_peer, _kind, body) => body;
        expect(await link.call("exchange", bytes(3), { timeoutMs: TIMEOUT_MS })).toEqual(bytes(3));
      });
    });

    describe.each(["messages", "stream"] as const)("a duplex of kind %s", (kind) => {
      it("keeps order both ways", async () => {
        const { near, far } = await pair(kind);
        const sent = Array.from({ length: 500 }, (_, i) => bytes(i & 255, i >> 8));
        const collect = async (duplex: ByteDuplex) => {
          const got: Uint8Array[] = [];
          for await (const chunk of duplex) got.push(chunk as Uint8Array);
          return got;
        };
        const results = Promise.all([collect(near), collect(far)]);
        for (const chunk of sent) {
          near.write(chunk);
          far.write(chunk);
        }
        near.end();
        far.end();
        expect(await results).toEqual([sent, sent]);
      });

      it.each(["near", "far"] as const)("closes one direction at the %s end while the other goes on", async (first) => {
        const both = await pair(kind);
        const [early, late] = first === "near" ? [both.near, both.far] : [both.far, both.near];
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
      });

      it.each(["near", "far"] as const)(
        "ends both ends once, with the code, when the %s end is destroyed",
        async (who) => {
          const both = await pair(kind);
          const [mine, other] = who === "near" ? [both.near, both.far] : [both.far, both.near];
          const ends = [endOf(mine), endOf(other)];
          other.resume();
          mine.write(bytes(1));
          mine.destroy(new FirefliesError("peer-removed"));
          mine.destroy(new FirefliesError("timeout"));
          expect(await Promise.all(ends)).toEqual([["peer-removed"], ["peer-removed"]]);
        },
      );

      it.each(["near", "far"] as const)(
        "says stream-reset when the %s end is destroyed without a reason",
        async (who) => {
          const both = await pair(kind);
          const [mine, other] = who === "near" ? [both.near, both.far] : [both.far, both.near];
          const ends = [endOf(mine), endOf(other)];
          other.resume();
          mine.destroy();
          expect(await Promise.all(ends)).toEqual([[], ["stream-reset"]]);
        },
      );

      it("is cancelled by its signal", async () => {
        const controller = new AbortController();
        const link = await dialAs(alice);
        const near = link.open(kind, { signal: controller.signal });
        const { duplex } = await server.nextDuplex();
        duplex.resume();
        const ends = [endOf(near), endOf(duplex)];
        controller.abort();
        expect(await Promise.all(ends)).toEqual([["cancelled"], ["cancelled"]]);
        expect(await endOf(link.open(kind, { signal: controller.signal }))).toEqual(["cancelled"]);
      });

      it("carries the largest message, and refuses one byte more", async () => {
        const { near, far } = await pair(kind);
        const limit = DUPLEX_BYTES_MAX[kind];
        near.write(new Uint8Array(limit).fill(9));
        const [chunk] = (await once(far, "data")) as [Uint8Array];
        expect(chunk.length).toBe(limit);
        expect(chunk[limit - 1]).toBe(9);
        const ends = [endOf(near), endOf(far)];
        near.write(new Uint8Array(limit + 1));
        expect(await Promise.all(ends)).toEqual([["message-too-large"], ["message-too-large"]]);
      });

      it.each(["near", "far"] as const)(
        "makes the writer at the %s end wait for its reader, and holds up nobody else",
        async (who) => {
          const both = await pair(kind);
          const [writer, reader] = who === "near" ? [both.near, both.far] : [both.far, both.near];
          const chunk = new Uint8Array(128 * 1024);
          let written = 0;
          let blocked = false;
          // Writes until three turns of the loop and a call over the same link pass without room.
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
            for (let i = 0; i < 3; i++)
              await both.link.call("exchange", new Uint8Array(1000), { timeoutMs: TIMEOUT_MS });
          }
          expect(blocked).toBe(true);
          expect(written * chunk.length).toBeLessThan(8 * 1024 * 1024);
          let read = 0;
          const done = new Promise<void>((resolve) => {
            reader.on("data", (got: Uint8Array) => {
              read += got.length;
              if (read >= 200 * chunk.length) resolve();
            });
          });
          await done;
        },
      );

      it("survives owners that forget to listen for errors, and handlers that throw", async () => {
        const link = await dialAs(alice);
        server.handlers.onDuplex = () => {
          throw new Error("boom");
        };
        expect(await endOf(link.open(kind))).toEqual(["handler-failed"]);
        link.open(kind).destroy(new Error("mine"));
        expect(await link.call("exchange", bytes(5), { timeoutMs: TIMEOUT_MS })).toEqual(bytes(5));
      });
    });
  });
}
