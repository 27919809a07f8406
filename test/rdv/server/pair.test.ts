/** Two that met: the dialler's word, the relay, and what a program's handler can do, with sockets moved by hand. */
import { afterEach, describe, expect, it } from "vitest";
import type { Pair, RdvServerOptions, Relayed } from "../../../rdv/index.js";
import { LINE_BYTES_MAX } from "../../../rdv/limits.js";
import { bytesOf } from "../../support/rdv-bytes.js";
import { Site } from "./site.js";

let site: Site;
afterEach(() => site.close());

async function open(options: RdvServerOptions = {}): Promise<void> {
  site = await Site.open(options);
}

/** Resolves when no handler is at work any more. */
async function over(): Promise<void> {
  while (site.rdv.metrics().pairs > 0) await new Promise(setImmediate);
}

const CONTINUE = bytesOf("continue");

describe("the dialler's word", () => {
  it.each(["CONTINUE\n", "CONTINUE\r\n"])(
    "%j is passed on as docs/rdv.md has it, then bytes go both ways",
    async (word) => {
      await open();
      const { dialer, accepter } = await site.pair();
      dialer.send(`${word}there`);
      expect(await accepter.until("there")).toBe(`${CONTINUE}there`);
      accepter.send("back");
      expect(await dialer.until("back")).toBe("back");
    },
  );

  it("may come in pieces, and glued to the request of the one that completes the pair", async () => {
    await open();
    const first = await site.pair();
    for (const byte of CONTINUE) {
      first.dialer.send(byte);
      await new Promise(setImmediate);
    }
    expect(await first.accepter.until("\n")).toBe(CONTINUE);
    const accepter = await site.ask({ DIAL: "ACCEPT", "to%20k": "other" });
    await site.waiting(1);
    const dialer = (await site.connect()).send(`${bytesOf("request", { "to%20k": "other" })}${CONTINUE}x`);
    await dialer.until("\r\n\r\n");
    await accepter.until("\r\n\r\n");
    expect(await accepter.until("x")).toBe(`${CONTINUE}x`);
  });

  it("what the accepter sends before is held, not lost", async () => {
    await open();
    const { dialer, accepter } = await site.pair();
    const early = "e".repeat(300_000);
    accepter.send(`${early}!`);
    await new Promise(setImmediate);
    dialer.send(CONTINUE);
    expect(await dialer.until("!")).toBe(`${early}!`);
  });

  it("OTHER closes both, and is counted by the address's space", async () => {
    await open();
    const { dialer, accepter } = await site.pair();
    dialer.send(bytesOf("other"));
    expect([await dialer.rest(), await accepter.rest()]).toEqual(["", ""]);
    await over();
    expect(site.rdv.metrics()).toMatchObject({ met: 1, relayed: 0, direct: { public4: 1 } });
  });

  it.each([
    ["an unknown word", "HELLO\n"],
    ["a word too long", "C".repeat(LINE_BYTES_MAX + 1)],
  ])("%s closes both", async (_case, word) => {
    await open();
    const { dialer, accepter } = await site.pair();
    dialer.send(word);
    expect([await dialer.rest(), await accepter.rest()]).toEqual(["", ""]);
    await over();
    expect(site.rdv.metrics()).toMatchObject({ direct: {}, relayed: 0 });
  });

  it("the end of the dialler closes both", async () => {
    await open();
    const { dialer, accepter } = await site.pair();
    dialer.end();
    expect([await dialer.rest(), await accepter.rest()]).toEqual(["", ""]);
  });

  it("an accepter that has left closes the dialler when its word comes", async () => {
    await open();
    const { dialer, accepter } = await site.pair();
    accepter.socket.resetAndDestroy();
    await new Promise(setImmediate);
    expect(site.rdv.metrics().pairs).toBe(1);
    dialer.send(CONTINUE);
    expect(await dialer.rest()).toBe("");
    await over();
  });

  it("is waited for as long as a relay may be silent", async () => {
    await open({ idleTimeoutMs: 30 });
    const { dialer, accepter } = await site.pair();
    expect([await dialer.rest(), await accepter.rest()]).toEqual(["", ""]);
  });
});

describe("the relay", () => {
  async function relayed(options: RdvServerOptions = {}) {
    await open(options);
    const pair = await site.pair();
    pair.dialer.send(CONTINUE);
    await pair.accepter.until(CONTINUE);
    return pair;
  }

  it.each(["dialer", "accepter"] as const)(
    "delivers all that the %s sent before it ended, then closes both",
    async (side) => {
      const pair = await relayed();
      const other = side === "dialer" ? pair.accepter : pair.dialer;
      const sent = "s".repeat(1_000_000);
      pair[side].send(sent).end();
      expect(await other.rest()).toBe(sent);
      expect(await pair[side].rest()).toBe("");
      await over();
      expect(site.rdv.metrics()).toMatchObject({ relayed: 1, [`${side}Bytes`]: sent.length });
    },
  );

  it("delivers it although the other side keeps sending", async () => {
    const { dialer, accepter } = await relayed();
    const sending = setInterval(() => accepter.send("n".repeat(10_000)), 0);
    dialer.socket.pause();
    accepter.socket.pause();
    dialer.send("s".repeat(500_000)).end();
    await new Promise(setImmediate);
    accepter.socket.resume();
    expect(await accepter.rest()).toHaveLength(500_000);
    clearInterval(sending);
  });

  it("a side that breaks cuts the other", async () => {
    const { dialer, accepter } = await relayed();
    dialer.socket.resetAndDestroy();
    await accepter.rest();
    await over();
  });

  it("ends when neither side sends for the idle time, and not while one does", async () => {
    const { dialer, accepter } = await relayed({ idleTimeoutMs: 150 });
    const start = performance.now();
    const sending = setInterval(() => dialer.send("."), 50);
    while (performance.now() - start < 400) await accepter.until(".");
    clearInterval(sending);
    await accepter.rest();
    expect(performance.now() - start).toBeGreaterThan(500);
  });

  it("holds no more than its buffer for a side that does not read", async () => {
    const { dialer, accepter } = await relayed({ bufferBytes: 1_000 });
    accepter.socket.pause();
    const chunk = "c".repeat(65_536);
    let sent = 0;
    // As far as the system's own buffers go; 64 MiB are more than these.
    while (sent < 64 * 1_048_576) {
      const full = !dialer.socket.write(chunk, "latin1");
      sent += chunk.length;
      if (full && (await Promise.race([drained(dialer.socket), silence()])) === "silent") break;
    }
    expect(sent).toBeLessThan(32 * 1_048_576);
    dialer.end();
    accepter.socket.resume();
    expect(await accepter.rest()).toHaveLength(sent);
  });

  it("ends at the server's shutdown, which close() waits for", async () => {
    const { dialer, accepter } = await relayed();
    await site.rdv.close();
    expect(site.rdv.metrics().pairs).toBe(0);
    expect([await dialer.rest(), await accepter.rest()]).toEqual(["", ""]);
  });
});

describe("a program's handler", () => {
  it("continues with headers of its own, taps what is relayed, and gets the counts", async () => {
    let relayed: Relayed | undefined;
    const tapped: string[] = [];
    const handler = async (pair: Pair) => {
      expect(pair.dialer).toMatchObject({ method: "DIAL", token: "to k", url: "/rdv/to%20k" });
      expect(pair.accepter).toMatchObject({ method: "ACCEPT", headers: { "x-application": "yes" } });
      await pair.continue({ dialerHeaders: { "X-Room": "7" }, accepterHeaders: { "X-Room": "8" } });
      relayed = await pair.relay({
        tapDialer: (bytes) => void tapped.push(Buffer.from(bytes).toString()),
        tapAccepter: async (bytes) => void tapped.push(Buffer.from(bytes).toString()),
      });
    };
    await open({ handler });
    const accepter = await site.ask({ DIAL: "ACCEPT" });
    const dialer = await site.ask();
    expect(await dialer.until("\r\n\r\n")).toContain("\r\nX-Room: 7\r\n");
    expect(await accepter.until("\r\n\r\n")).toContain("\r\nX-Room: 8\r\n");
    dialer.send(`${CONTINUE}question`);
    await accepter.until("question");
    accepter.send("answer").end();
    expect(await dialer.rest()).toBe("answer");
    await over();
    expect(tapped.join("")).toBe("questionanswer");
    expect(relayed).toEqual({ dialerBytes: 8, accepterBytes: 6, ended: "accepter" });
  });

  it("holds a direction back while its tap's promise is open", async () => {
    let release = () => {};
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    await open({
      handler: async (pair) => {
        await pair.continue();
        await pair.relay({ tapDialer: () => held });
      },
    });
    const { dialer, accepter } = await site.pair();
    dialer.send(CONTINUE);
    await accepter.until(CONTINUE);
    dialer.send("late").end();
    accepter.send("free");
    await dialer.until("free");
    release();
    expect(await accepter.rest()).toBe("late");
  });

  it("rejects both with a status, a line and headers", async () => {
    await open({ handler: (pair) => pair.reject(402, "pay first", { "X-Price": "1" }) });
    const [accepter, dialer] = [await site.ask({ DIAL: "ACCEPT" }), await site.ask()];
    for (const socket of [accepter, dialer]) {
      expect(await socket.rest()).toMatch(/^HTTP\/1\.1 402 Payment Required\r\nX-Price: 1\r\n.*\r\n\r\npay first$/s);
    }
  });

  it("hears that they met directly, and where", async () => {
    const heard: unknown[] = [];
    await open({ handler: (pair) => pair.continue().catch(({ code, address }) => void heard.push(code, address)) });
    const { dialer } = await site.pair();
    dialer.send(bytesOf("other"));
    await dialer.rest();
    expect(heard).toEqual(["rdv-other", "192.0.2.7:40123"]);
  });

  it.each([
    ["returns without a word", () => {}],
    [
      "throws",
      () => {
        throw new Error("broken");
      },
    ],
    ["relays before it continues", (pair: Pair) => void pair.relay().catch(() => {})],
  ] as const)("that %s leaves nobody behind", async (_case, handler) => {
    await open({ handler });
    const [accepter, dialer] = [await site.ask({ DIAL: "ACCEPT" }), await site.ask()];
    expect([await accepter.rest(), await dialer.rest()]).toEqual(["", ""]);
    await over();
  });

  it("has a signal that fires at shutdown", async () => {
    let fired = 0;
    await open({
      handler: ({ signal }) =>
        new Promise((resolve) => {
          signal.addEventListener("abort", () => {
            fired += 1;
            resolve();
          });
        }),
    });
    await Promise.all([site.ask({ DIAL: "ACCEPT" }), site.ask()]);
    while (site.rdv.metrics().pairs === 0) await new Promise(setImmediate);
    await site.rdv.close();
    expect(fired).toBe(1);
  });
});

describe("authorization", () => {
  it("lets in, refuses with 403, or with an answer of its own; a hook that throws is 500", async () => {
    await open({
      authorize: async ({ token }) => {
        if (token === "throw") throw new Error("broken");
        return token === "own"
          ? { status: 401, reason: "who?", headers: { "WWW-Authenticate": "Bearer" } }
          : token === "in";
      },
    });
    const statusOf = async (token: string) => (await (await site.ask({ "to%20k": token })).rest()).split("\r\n");
    expect((await statusOf("out"))[0]).toBe("HTTP/1.1 403 Forbidden");
    expect((await statusOf("throw"))[0]).toBe("HTTP/1.1 500 Internal Server Error");
    expect(await statusOf("own")).toEqual(
      expect.arrayContaining(["HTTP/1.1 401 Unauthorized", "WWW-Authenticate: Bearer"]),
    );
    await site.ask({ "to%20k": "in" });
    await site.waiting(1);
  });

  it("is asked about so many at once as may wait; more are refused with a time to come back", async () => {
    let decide = (_isIn: boolean) => {};
    const decided = new Promise<boolean>((resolve) => {
      decide = resolve;
    });
    await open({ authorize: () => decided, limits: { waitingMax: 1 } });
    await site.ask();
    while (site.rdv.metrics().requests === 0) await new Promise(setImmediate);
    const refused = await (await site.ask({ "to%20k": "other" })).rest();
    expect(refused).toMatch(/^HTTP\/1\.1 503 .*\r\nRetry-After: 10\r\n/s);
    decide(true);
    await site.waiting(1);
  });

  it("is asked only what is in order, and sees the request", async () => {
    const asked: string[] = [];
    await open({
      authorize: ({ method, token, headers, selfAddresses, remoteAddress }) => {
        asked.push([method, token, headers["x-application"], selfAddresses.join(" "), typeof remoteAddress].join(", "));
        return true;
      },
    });
    await (await site.ask({ "rdv/1": "rdv/2" })).rest();
    await site.ask();
    await site.waiting(1);
    expect(asked).toEqual(["DIAL, to k, yes, 192.0.2.2:40479 [fd00::2]:40479, string"]);
  });
});

function drained(socket: { once(event: "drain", listener: () => void): unknown }): Promise<"drained"> {
  return new Promise((resolve) => socket.once("drain", () => resolve("drained")));
}

/** Long enough for a relay that reads on to read. */
function silence(): Promise<"silent"> {
  return new Promise((resolve) => {
    setTimeout(() => resolve("silent"), 200);
  });
}
