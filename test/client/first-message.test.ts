/**
 * The first message to a member goes with the last word of the handshake: over real TLS it is handled though nothing more comes
 * back to its sender. What becomes of it when the connection then breaks.
 */
import { Duplex } from "node:stream";
import { afterEach, expect, it, vi } from "vitest";
import { LIMITS, MESSAGES } from "../../client/protocols.js";
import { Messenger } from "../../client/talk/messenger.js";
import { FirefliesError, type Identity } from "../../identity/index.js";
import { formatAddress, Protocols, type Transport, tcpTransport } from "../../net/index.js";
import { loneStack } from "../support/lone-stack.js";
import { codeOf, read, text } from "../support/network.js";
import { TestNetwork } from "../support/test-network.js";

const closing: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

/** A connection that passes on what the other end says to the first bytes, and from the second on nothing. */
class HeldBack extends Duplex {
  readonly #below: Duplex;
  #writes = 0;

  constructor(below: Duplex) {
    super();
    this.#below = below;
    this.on("error", () => {});
    below.on("data", (bytes: Buffer) => this.push(bytes)).on("error", () => {});
    below.once("end", () => this.push(null)).once("close", () => this.destroy());
  }

  override _read(): void {}

  override _write(bytes: Buffer, _: string, done: () => void): void {
    this.#writes += 1;
    // The handshake of the other end came whole: it is answered.
    if (this.#writes === 2) this.#below.pause();
    this.#below.write(bytes, () => done());
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#below.destroy();
    done(error);
  }
}

/** Alice knows Bob's address, and has no session with him. `through`: of her connections, in their order. */
async function scene(through: readonly ((below: Duplex) => Duplex)[]) {
  const network = await TestNetwork.create();
  const [alice, bob] = [await network.member(), await network.member()];
  const handled: string[] = [];
  const made: Duplex[] = [];
  const tcp = tcpTransport();
  const dialling: Transport = {
    ...tcp,
    dial: async (to, target) => {
      const below = await tcp.dial(to, target);
      made.push((through[made.length] ?? ((same: Duplex) => same))(below));
      return made.at(-1)!;
    },
  };
  let address = "";
  const end = (identity: Identity, transport: Transport) => {
    const protocols = new Protocols();
    const stack = loneStack(identity, {
      protocols,
      transports: [transport],
      onProven: (session) => messenger.greet(session),
    });
    const messenger: Messenger = new Messenger({
      links: stack.links,
      identity: () => identity,
      dispatch: (_, data) => {
        handled.push(read(data));
        return data;
      },
      refusal: () => undefined,
      concurrent: 8,
      destination: (id) => ({ id, addresses: [address] }),
    });
    const onDuplex = (...[peer, duplex]: Parameters<Messenger["accept"]>) => messenger.accept(peer, duplex);
    protocols.register({ kind: "duplex", id: MESSAGES, limits: LIMITS.messages, onDuplex });
    closing.push(async () => {
      messenger.close(new FirefliesError("link-closed"));
      await stack[Symbol.asyncDispose]();
    });
    return { stack, messenger };
  };
  const far = end(bob, tcp);
  address = formatAddress((await far.stack.listen({ host: "127.0.0.1", port: 0 })).address);
  const near = end(alice, dialling);
  const { id } = bob.certificate;
  const send = (what: string) =>
    near.messenger.request("message", { id, addresses: [address] }, text(what), { timeoutMs: 20_000 });
  return { send, handled, made };
}

const held = (below: Duplex) => new HeldBack(below);

it("is handled before a byte comes back behind the handshake", async () => {
  const { send, handled } = await scene([held]);
  const asked = codeOf(send("hello"));
  await vi.waitFor(() => expect(handled).toEqual(["hello"]));
  for (const close of closing.splice(0)) await close();
  expect(await asked).toBe("link-closed");
});

it("is handled once when its answer is lost with the connection, and answered over the next one", async () => {
  const { send, handled, made } = await scene([held]);
  const asked = send("hello");
  await vi.waitFor(() => expect(handled).toEqual(["hello"]));
  made[0]!.destroy();
  expect(read(await asked)).toBe("hello");
  expect(handled).toEqual(["hello"]);
});

it("is answered over the next connection when it was lost on its way", async () => {
  /** Its second write, which has the last word of the handshake, never arrives. */
  class Cut extends HeldBack {
    #isSecond = false;

    override _write(bytes: Buffer, encoding: string, done: () => void): void {
      if (this.#isSecond) this.destroy();
      else super._write(bytes, encoding, done);
      this.#isSecond = true;
    }
  }
  const { send, handled, made } = await scene([(below) => new Cut(below)]);
  expect(read(await send("hello"))).toBe("hello");
  expect(handled).toEqual(["hello"]);
  expect(made).toHaveLength(2);
});
