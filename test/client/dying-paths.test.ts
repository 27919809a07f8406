/**
 * Paths die when they like: while they are dialled, with the handshake, behind the first frame or the last, and what was on its
 * way may arrive long after its sender has gone on. Each message is handled once and answered, whatever becomes of that path.
 */
import { randomBytes } from "node:crypto";
import { setImmediate as turn } from "node:timers/promises";
import fc from "fast-check";
import { afterEach, beforeAll, beforeEach, expect, it, vi } from "vitest";
import { FRAME_BYTES_MAX } from "../../client/protocols.js";
import { Messenger } from "../../client/talk/messenger.js";
import { FirefliesError, type Identity } from "../../identity/index.js";
import { type ByteDuplex, DialError, type Session } from "../../net/index.js";
import type { KeyExporter } from "../../net/session/session.js";
import { duplexPair } from "../support/duplex-pair.js";
import { codeOf, read, text } from "../support/network.js";
import { TestNetwork } from "../support/test-network.js";

/** As net/session/limits.ts has it. */
const EARLY_MS = 5_000;
/** Milliseconds: how long messages wait, and until all that is late has come. */
const PATIENCE_MS = 25_000;
const LATE_MS = 20_000;
const STEP_MS = 25;

/** What becomes of one dial, and of the path that it brings. Times in milliseconds. */
interface Fate {
  /** None: no way leads there now. Refused: the other end does not let the caller in. */
  readonly dial: "none" | "early" | "plain" | "cut before it is let in";
  /** Frames that pass in each direction, hellos among them, until the path dies. */
  readonly there: number;
  readonly back: number;
  /** So long after that the called side hears of it ... */
  readonly heardMs: number;
  /** ... and gets, before, what was on its way. */
  readonly isLate: boolean;
}

const fate: fc.Arbitrary<Fate> = fc.record({
  dial: fc.constantFrom("none", "early", "plain", "cut before it is let in"),
  there: fc.integer({ min: 0, max: 4 }),
  back: fc.integer({ min: 0, max: 3 }),
  heardMs: fc.constantFrom(0, 200, 3_000, 7_000, 14_000),
  isLate: fc.boolean(),
});
const GOOD: Fate = { dial: "early", there: Infinity, back: Infinity, heardMs: 0, isLate: false };

/** Frames of one direction, as a path passes them on. */
function carry(from: ByteDuplex, to: ByteDuplex, frames: number, died: () => void): { flush(): void } {
  const held: Uint8Array[] = [];
  let passed = 0;
  from.on("data", (frame: Uint8Array) => {
    if (passed < frames) to.write(frame);
    else held.push(frame);
    passed += 1;
    if (passed > frames) died();
  });
  from.on("end", () => to.end());
  return {
    flush: () => {
      for (const frame of held.splice(0)) if (!to.destroyed) to.write(frame);
    },
  };
}

class Scene {
  readonly handled = new Map<string, number>();
  readonly alice: Messenger;
  readonly #bob: Messenger;
  readonly #fates: Fate[];
  readonly #ids: readonly [Identity, Identity];
  #usable: (Session & { isDead: boolean }) | undefined;
  #dialling: Promise<Session> | undefined;

  constructor(ids: readonly [Identity, Identity], fates: readonly Fate[], handlerMs: number) {
    this.#ids = ids;
    this.#fates = [...fates];
    const common = { dispatch: () => undefined, refusal: () => undefined, concurrent: 8 };
    const destination = (id: Identity["certificate"]["id"]) => ({ id, addresses: ["relay://there"] });
    this.alice = new Messenger({
      ...common,
      links: {
        usable: () => (this.#usable?.isDead === false ? this.#usable : undefined),
        reach: () => {
          this.#dialling ??= this.#dial().finally(() => {
            this.#dialling = undefined;
          });
          return this.#dialling;
        },
      },
      identity: () => ids[0],
      destination,
    });
    this.#bob = new Messenger({
      ...common,
      links: { usable: () => undefined, reach: () => Promise.reject(new DialError("no-route", "nowhere")) },
      identity: () => ids[1],
      destination,
      dispatch: async (_, data) => {
        const what = read(data);
        this.handled.set(what, (this.handled.get(what) ?? 0) + 1);
        await new Promise((resolve) => setTimeout(resolve, handlerMs));
        return data;
      },
    });
  }

  send(what: string): Promise<string> {
    const { id } = this.#ids[1].certificate;
    const answer = this.alice.request("message", { id, addresses: ["relay://there"] }, text(what), {
      timeoutMs: PATIENCE_MS,
    });
    return codeOf(answer.then((reply) => expect(read(reply)).toBe(what)));
  }

  close(): void {
    for (const each of [this.alice, this.#bob]) each.close(new FirefliesError("link-closed"));
  }

  async #dial(): Promise<Session> {
    const fate = this.#fates.shift() ?? GOOD;
    await turn();
    if (fate.dial === "none") throw new DialError("no-route", "a relay", { reasons: ["no-route", "backoff"] });
    const session = this.#session(fate);
    if (fate.dial !== "plain") this.alice.greet(session);
    await new Promise((resolve) => setTimeout(resolve, 50));
    if (fate.dial === "cut before it is let in") session.isDead = true;
    if (session.isDead) {
      session.close();
      throw new DialError("no-route", "a relay", { reasons: ["no-route", "backoff"] });
    }
    this.#usable = session;
    return session;
  }

  #session(fate: Fate): Session & { isDead: boolean } {
    const [peer, self] = [this.#ids[1].certificate, this.#ids[0].certificate];
    const begunAt = performance.now();
    const secret = randomBytes(32);
    const exporter = (): KeyExporter => {
      let isGiven = false;
      return () => {
        if (isGiven || performance.now() - begunAt >= EARLY_MS) return undefined;
        isGiven = true;
        return new Uint8Array(secret);
      };
    };
    const [mine, theirs] = [exporter(), exporter()];
    const deaths: (() => void)[] = [];
    const session = {
      peer,
      isDead: false,
      onSuperseded: () => () => {},
      close: () => {
        session.isDead = true;
        for (const die of deaths) die();
      },
      open: () => {
        const [near, nearFar] = duplexPair(FRAME_BYTES_MAX);
        const [farNear, far] = duplexPair(FRAME_BYTES_MAX);
        let isOver = false;
        const died = () => {
          if (isOver) return;
          isOver = true;
          session.close();
          nearFar.destroy(new FirefliesError("link-closed"));
          setTimeout(() => {
            if (fate.isLate) there.flush();
            setTimeout(() => farNear.destroy(new FirefliesError("link-closed")), STEP_MS);
          }, fate.heardMs);
        };
        const there = carry(nearFar, farNear, fate.there, died);
        carry(farNear, nearFar, fate.back, died);
        for (const end of [nearFar, farNear]) end.once("close", died);
        deaths.push(died);
        this.#bob.accept(self, Object.assign(far, { exportEarly: theirs }));
        return Object.assign(near, { exportEarly: mine });
      },
    };
    return session as unknown as Session & { isDead: boolean };
  }
}

let identities: readonly [Identity, Identity];
beforeAll(async () => {
  const network = await TestNetwork.create();
  identities = [await network.member(), await network.member()];
});
beforeEach(() => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "setInterval", "clearInterval", "performance"] });
});
afterEach(() => {
  vi.useRealTimers();
});

async function passed(ms: number, stepMs = STEP_MS, isOver = () => false): Promise<void> {
  for (let at = 0; at < ms && !isOver(); at += stepMs) {
    await vi.advanceTimersByTimeAsync(stepMs);
    for (let turns = 0; turns < 4; turns++) await turn();
  }
}

const scenes = fc.record({
  fates: fc.array(fate, { maxLength: 5 }),
  handlerMs: fc.constantFrom(0, 100, 1_500),
  /** When each message is sent, milliseconds after the one before. */
  gaps: fc.array(fc.constantFrom(0, 0, 60, 500), { minLength: 1, maxLength: 5 }),
});

it("each message is handled once and answered, however paths die before", async () => {
  await fc.assert(
    fc.asyncProperty(scenes, async ({ fates, handlerMs, gaps }) => {
      const scene = new Scene(identities, fates, handlerMs);
      await passed(4 * STEP_MS); // What was begun with its process may have come to the one before.
      const outcomes: Promise<string>[] = [];
      for (const [index, gap] of gaps.entries()) {
        await passed(gap);
        outcomes.push(scene.send(`message ${index}`));
      }
      let codes: readonly string[] | undefined;
      void Promise.all(outcomes).then((all) => {
        codes = all;
      });
      await passed(PATIENCE_MS, STEP_MS, () => codes !== undefined);
      await passed(LATE_MS, 10 * STEP_MS);
      scene.close();
      expect(codes).toEqual(outcomes.map(() => "none"));
      expect([...scene.handled.values()]).toEqual(outcomes.map(() => 1));
    }),
    { numRuns: 60 },
  );
});
