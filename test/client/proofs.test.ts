/** Proofs of single messages: what they show to who was not there, what they keep to themselves, and every forgery. */

import fc from "fast-check";
import { afterEach, beforeAll, describe, expect, it } from "vitest";
import { Budget } from "../../client/messages/budget.js";
import type { Content } from "../../client/messages/content.js";
import { FRAME_MESSAGES_MAX } from "../../client/messages/frame.js";
import { KeptLists } from "../../client/messages/kept-lists.js";
import { decodeProof, encodeProof, PROOF_BYTES_MAX, type Proof } from "../../client/messages/proof.js";
import { Requester } from "../../client/messages/requester.js";
import { type Dispatch, Responder } from "../../client/messages/responder.js";
import { FrameSession } from "../../client/messages/session.js";
import { FRAME_BYTES_MAX, MESSAGE_BYTES_MAX } from "../../client/protocols.js";
import { verifyMessage } from "../../client/verify-message.js";
import { certificatesToPem, FirefliesError, type Identity, ReplyError, sha256, sign } from "../../identity/index.js";
import { concatBytes, memberIdToBytes, toHex } from "../../rings/index.js";
import { duplexPair } from "../support/duplex-pair.js";
import { anyExtensions } from "../support/extensions.js";
import { deferred, OfflineNetwork } from "../support/network.js";
import { proofIn, signedFrame } from "../support/proofs.js";
import { DAY_MS, TestNetwork } from "../support/test-network.js";

let network: TestNetwork;
let stranger: TestNetwork;
let alice: Identity;
let bob: Identity;
let foreign: Identity;
let roots: readonly Uint8Array[];
beforeAll(async () => {
  [network, stranger] = [await TestNetwork.create(), await TestNetwork.create()];
  [alice, bob, foreign] = [await network.member(), await network.member(), await stranger.member()];
  roots = [network.root];
});

const text = (value: string) => new TextEncoder().encode(value);
const string = (value: Uint8Array) => new TextDecoder().decode(value);
const question = (value: string, id = 7): Content => ({ kind: "message", id, deadlineMs: 5_000, payload: text(value) });
const codeOf = (run: () => unknown) => {
  try {
    run();
    return "no error";
  } catch (error) {
    return error instanceof FirefliesError ? error.code : error;
  }
};
const proofOfText = (value: string) =>
  proofIn({ sender: alice, receiver: bob.certificate.id, contents: [question(value)] });

describe("a proof", () => {
  it("shows sender, receiver, kind, place and data, under the root as DER or as PEM", () => {
    const contents = [question("one", 8), question("two", 9), question("three", 10)];
    const linkNonce = sha256(text("link"));
    const input = { sender: alice, receiver: bob.certificate.id, contents, counter: 2 ** 40 + 5, linkNonce };
    const expected = {
      kind: "message",
      sender: alice.certificate.id,
      receiver: bob.certificate.id,
      network: toHex(network.network.networkId),
      link: toHex(linkNonce),
      request: 9,
      frame: 2 ** 40 + 5,
      index: 1,
      data: text("two"),
      error: undefined,
      certificate: {
        serial: expect.stringMatching(/^[0-9a-f]{32,}$/),
        fingerprint: toHex(alice.certificate.hash),
        notBefore: alice.certificate.notBefore,
        notAfter: alice.certificate.notAfter,
      },
    };
    expect(verifyMessage(proofIn(input, 1), { roots })).toEqual(expected);
    const pem = certificatesToPem(stranger.root, network.root);
    expect(verifyMessage(proofIn(input, 1), { roots: pem })).toEqual(expected);
  });

  it("says nothing of the other messages of its frame, not even to who guesses them", () => {
    const contents = [question("shown"), question("secret yes"), question("secret no")];
    const proof = Buffer.from(proofIn({ sender: alice, receiver: bob.certificate.id, contents }));
    expect(proof.includes("shown")).toBe(true);
    expect(proof.includes("secret")).toBe(false);
    // Without its salt, which is not there, a guess cannot be compared with the hash, which is.
    for (const guess of ["secret yes", "secret no"])
      expect(proof.includes(Buffer.from(sha256(text(guess))))).toBe(false);
    expect(decodeProof(proof)!.rest.length).toBe(108 - 32 + 3 * 32);
  });

  it("survives its bytes, whatever is said, by whom, in a frame of any size", () => {
    const payload = fc.uint8Array({ maxLength: 200 });
    const id = fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER });
    const content: fc.Arbitrary<Content> = fc.oneof(
      fc.record({ kind: fc.constantFrom("message", "gossip"), id, deadlineMs: fc.nat(), payload }),
      fc.record({ kind: fc.constant("reply"), id, payload }),
      fc.record({ kind: fc.constant("error"), id, code: fc.constant("timeout"), text: fc.string({ maxLength: 40 }) }),
    );
    const frames = fc.array(content, { minLength: 1, maxLength: 20 });
    fc.assert(
      fc.property(frames, anyExtensions, fc.nat(), id, (plain, extensions, which, counter) => {
        const index = which % plain.length;
        const contents = plain.map((each, at) =>
          at === index && extensions.length > 0 ? { ...each, extensions } : each,
        );
        const proof = proofIn({ sender: alice, receiver: bob.certificate.id, contents, counter }, index);
        expect(encodeProof(decodeProof(proof)!)).toEqual(proof);
        const proven = verifyMessage(proof, { roots });
        const shown = contents[index]!;
        expect(proven).toMatchObject({ kind: shown.kind, request: shown.id, index, frame: counter });
        expect(proven.data).toEqual("payload" in shown ? shown.payload : new Uint8Array(0));
      }),
      { numRuns: 50 },
    );
  });

  it("fits its bound, the largest message and the fullest frame", () => {
    const largest = { ...question(""), payload: new Uint8Array(MESSAGE_BYTES_MAX) } as Content;
    const full = Array.from({ length: FRAME_MESSAGES_MAX }, (_, number) => question(`${number}`));
    const receiver = bob.certificate.id;
    const [one, last] = [
      proofIn({ sender: alice, receiver, contents: [largest] }),
      proofIn({ sender: alice, receiver, contents: full }, FRAME_MESSAGES_MAX - 1),
    ];
    expect(Math.max(one.length, last.length)).toBeLessThanOrEqual(PROOF_BYTES_MAX);
    expect(verifyMessage(one, { roots }).data.length).toBe(MESSAGE_BYTES_MAX);
    expect(string(verifyMessage(last, { roots }).data)).toBe(`${FRAME_MESSAGES_MAX - 1}`);
  });
});

describe("a forged proof", () => {
  /** Changes parts of a proof and nothing else. */
  const forge = (change: (parts: Proof) => Partial<Proof>) => {
    const contents = [question("before"), question("pay 10"), question("after")];
    const parts = decodeProof(proofIn({ sender: alice, receiver: bob.certificate.id, contents }, 1))!;
    return encodeProof({ ...parts, ...change(parts) });
  };
  const flipped = (bytes: Uint8Array, at: number) => bytes.with(at, bytes[at]! ^ 1);
  const own = (bytes: Uint8Array) => new Uint8Array(bytes);

  const rows: readonly (readonly [string, (parts: Proof) => Partial<Proof>, string])[] = [
    ["another payload", ({ content }) => ({ content: flipped(own(content), content.length - 1) }), "proof-altered"],
    ["another kind", ({ content }) => ({ content: own(content).with(0, 2) }), "proof-altered"],
    ["another request number", ({ content }) => ({ content: flipped(own(content), 8) }), "proof-altered"],
    ["no content", () => ({ content: new Uint8Array(0) }), "proof-altered"],
    ["another salt", ({ salt }) => ({ salt: flipped(own(salt), 3) }), "proof-altered"],
    ["another index", () => ({ index: 2 }), "proof-altered"],
    ["an index beyond the list", () => ({ index: 3 }), "proof-malformed"],
    ["another receiver", ({ rest }) => ({ rest: flipped(own(rest), 0) }), "proof-unsigned"],
    ["another link", ({ rest }) => ({ rest: flipped(own(rest), 40) }), "proof-unsigned"],
    ["another counter", ({ rest }) => ({ rest: flipped(own(rest), 71) }), "proof-unsigned"],
    ["a counter that no number holds", ({ rest }) => ({ rest: own(rest).with(64, 255) }), "proof-malformed"],
    ["its own hash changed", ({ rest }) => ({ rest: flipped(own(rest), 76 + 32) }), "proof-altered"],
    ["another message's hash changed", ({ rest }) => ({ rest: flipped(own(rest), 76) }), "proof-unsigned"],
    ["a hash less than counted", ({ rest }) => ({ rest: own(rest).subarray(0, -32) }), "proof-malformed"],
    ["another signature", ({ signature }) => ({ signature: flipped(own(signature), 9) }), "proof-unsigned"],
    ["no signature", () => ({ signature: new Uint8Array(64) }), "proof-unsigned"],
    ["half a signature", ({ signature }) => ({ signature: signature.subarray(0, 32) }), "proof-malformed"],
    ["another member's certificate", () => ({ leaf: bob.certificate.leaf }), "proof-unsigned"],
    ["a damaged certificate", ({ leaf }) => ({ leaf: flipped(own(leaf), leaf.length - 1) }), "certificate-invalid"],
    ["no certificate", () => ({ leaf: new Uint8Array(0) }), "certificate-invalid"],
    ["another network's issuer", () => ({ issuer: foreign.certificate.issuer }), "certificate-invalid"],
    ["another network's member", () => foreign.certificate, "certificate-invalid"],
    [
      "another message, hashed and placed right",
      ({ rest, salt, content }) => {
        const lie = flipped(own(content), content.length - 1);
        const list = own(rest);
        list.set(sha256(concatBytes(salt, lie)), 76 + 32);
        return { content: lie, rest: list };
      },
      "proof-unsigned",
    ],
    [
      "signed by somebody else",
      ({ rest }) => {
        const list = concatBytes(memberIdToBytes(alice.certificate.id), rest);
        return { signature: sign(bob.privateKey, "frame", alice.certificate.networkId, list) };
      },
      "proof-unsigned",
    ],
    [
      "signed as something else",
      ({ rest }) => {
        const list = concatBytes(memberIdToBytes(alice.certificate.id), rest);
        return { signature: sign(alice.privateKey, "application", alice.certificate.networkId, list) };
      },
      "proof-unsigned",
    ],
  ];
  it.each(rows)("with %s is refused", (_what, change, code) => {
    expect(codeOf(() => verifyMessage(forge(change), { roots }))).toBe(code);
  });

  it("with any one byte changed is refused, or cut, or longer", () => {
    const proof = forge(() => ({}));
    expect(codeOf(() => verifyMessage(proof, { roots }))).toBe("no error");
    const codes = new Set<unknown>();
    for (let at = 0; at < proof.length; at++) {
      codes.add(codeOf(() => verifyMessage(flipped(proof, at), { roots })));
      if (at % 7 === 0) expect(codeOf(() => verifyMessage(proof.subarray(0, at), { roots }))).toBe("proof-malformed");
    }
    const expected = ["proof-malformed", "protocol-version", "certificate-invalid", "proof-altered", "proof-unsigned"];
    expect([...codes].sort()).toEqual(expected.sort());
    expect(codeOf(() => verifyMessage(concatBytes(proof, Uint8Array.of(0)), { roots }))).toBe("proof-malformed");
  });

  it("is an error with a code, never anything else, whatever its bytes", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (junk) => {
        expect(codeOf(() => verifyMessage(junk, { roots }))).toBe("proof-malformed");
      }),
    );
    expect(codeOf(() => verifyMessage(new Uint8Array(PROOF_BYTES_MAX + 1), { roots }))).toBe("proof-malformed");
    expect(() => verifyMessage("text" as unknown as Uint8Array, { roots })).toThrow(TypeError);
  });

  it("of what no program says proves nothing: a cancellation, or content that is none", () => {
    const cancel: Content = { kind: "cancel", id: 1 };
    const proof = proofIn({ sender: alice, receiver: bob.certificate.id, contents: [cancel] });
    expect(codeOf(() => verifyMessage(proof, { roots }))).toBe("proof-malformed");
  });
});

describe("trust", () => {
  it.each([
    ["no root", () => []],
    ["text that is no certificate", () => "-----BEGIN NOTHING-----"],
    ["bytes that are no certificate", () => [text("root")]],
    ["another authority's root", () => [stranger.root]],
    ["the member's own certificate", () => [alice.certificate.leaf]],
  ])("is not given by %s", (_what, given) => {
    expect(codeOf(() => verifyMessage(proofOfText("hi"), { roots: given() }))).toBe("certificate-invalid");
  });

  it("of a certificate that has expired since is the verifier's to judge, by the date that it knows", async () => {
    const [notBefore, notAfter] = [Date.now() - 20 * DAY_MS, Date.now() - 10 * DAY_MS];
    const old = await network.member({ validity: { notBefore, notAfter }, at: notBefore + DAY_MS });
    const proof = proofIn({ sender: old, receiver: bob.certificate.id, contents: [question("long ago")] });
    const { certificate } = verifyMessage(proof, { roots });
    expect(certificate.notAfter).toBeLessThan(Date.now());
    expect(string(verifyMessage(proof, { roots, at: notBefore + DAY_MS }).data)).toBe("long ago");
    expect(codeOf(() => verifyMessage(proof, { roots, at: Date.now() }))).toBe("certificate-invalid");
    expect(codeOf(() => verifyMessage(proof, { roots, at: notBefore - DAY_MS }))).toBe("certificate-invalid");
  });
});

describe("over a link", () => {
  const closing: (() => void)[] = [];
  afterEach(() => {
    for (const close of closing.splice(0)) close();
  });

  function connect(dispatch: Dispatch, concurrent = 50) {
    const [near, far] = duplexPair(FRAME_BYTES_MAX);
    const budgets = { message: new Budget({ concurrent }), gossip: new Budget() };
    const requester = new Requester({ duplex: near, identity: alice, peer: bob.certificate });
    const responder = new Responder({ duplex: far, identity: bob, peer: alice.certificate, dispatch, budgets });
    closing.push(() => requester.close());
    const ask = (value: string, onProof?: (proof: Uint8Array) => void, signal?: AbortSignal) => {
      const onAnswer = onProof && ((prove: () => Uint8Array) => onProof(prove()));
      return requester.request("message", text(value), { timeoutMs: 5_000, onAnswer, signal });
    };
    return { ask, responder };
  }

  it("question and answer are proven, with one link and one number", async () => {
    const proofs: Uint8Array[] = [];
    const { ask } = connect((_kind, data, { prove }) => {
      proofs.push(prove());
      return text(`${string(data)}!`);
    });
    await ask("hello", (proof) => proofs.push(proof));
    const [asked, answered] = proofs.map((proof) => verifyMessage(proof, { roots }));
    const [a, b] = [alice.certificate.id, bob.certificate.id];
    expect(asked).toMatchObject({ kind: "message", sender: a, receiver: b, data: text("hello") });
    expect(answered).toMatchObject({ kind: "reply", sender: b, receiver: a, data: text("hello!") });
    expect(answered).toMatchObject({ link: asked!.link, request: asked!.request });
  });

  it("each of those in one frame has its own proof, those that waited for their turn as well", async () => {
    const proofs: Uint8Array[] = [];
    const { ask } = connect(async (_kind, data, { prove }) => {
      proofs.push(prove());
      return data;
    }, 2);
    await ask("first");
    const names = Array.from({ length: 24 }, (_, number) => `m${number}`);
    await Promise.all(names.map((name) => ask(name)));
    const proven = proofs.slice(1).map((proof) => verifyMessage(proof, { roots }));
    expect(proven.map(({ data }) => string(data))).toEqual(names);
    expect(proven.map(({ index }) => index)).toEqual(names.map((_, index) => index));
    expect(new Set(proven.map(({ frame }) => frame)).size).toBe(1);
  });

  it("what a later version says with a question is carried in its proof, and ignored", async () => {
    const [near, far] = duplexPair(FRAME_BYTES_MAX);
    const budgets = { message: new Budget({ concurrent: 1 }), gossip: new Budget() };
    const proofs: Uint8Array[] = [];
    const first = deferred();
    const dispatch: Dispatch = async (_kind, data, { prove }) => {
      if (string(data) === "first") await first.promise;
      proofs.push(prove());
      return data;
    };
    new Responder({ duplex: far, identity: bob, peer: alice.certificate, dispatch, budgets });
    const answers: string[] = [];
    const all = deferred();
    const session = new FrameSession({
      ...{ duplex: near, identity: alice, peer: bob.certificate, caller: true },
      onContent: (content) => {
        if (content.kind === "reply") answers.push(string(content.payload));
        if (answers.length === 2) all.resolve();
        return true;
      },
      onEnd: () => {},
    });
    closing.push(() => session.end(new FirefliesError("link-closed")));
    const extensions = [{ type: 500, data: text("traced") }];
    session.send({ ...question("first", 1), extensions });
    session.send({ ...question("waits", 2), extensions });
    first.resolve();
    await all.promise;
    expect(answers).toEqual(["first", "waits"]);
    for (const [at, data] of answers.entries()) {
      expect(verifyMessage(proofs[at]!, { roots })).toMatchObject({ kind: "message", data: text(data) });
      expect(Buffer.from(decodeProof(proofs[at]!)!.content).includes("traced")).toBe(true);
    }
  });

  it("an error that the other side answers is proven, too", async () => {
    let proof: Uint8Array | undefined;
    const { ask } = connect(() => {
      throw new ReplyError("out of stock", { code: "stock/none" });
    });
    await expect(ask("ten", (given) => (proof = given))).rejects.toMatchObject({ code: "stock/none" });
    const { kind, error, data } = verifyMessage(proof!, { roots });
    expect({ kind, error, data }).toEqual({
      kind: "error",
      error: { code: "reply:stock/none", text: "out of stock" },
      data: new Uint8Array(0),
    });
  });

  it("a callback that throws fails its own call and no other", async () => {
    const { ask } = connect((_kind, data) => data);
    const fault = new Error("full disk");
    const failing = ask("a", () => {
      throw fault;
    });
    const other = ask("b");
    await expect(failing).rejects.toBe(fault);
    expect(string(await other)).toBe("b");
  });

  it("there is none after the handler, none of changed data, and none of a request that was given up", async () => {
    const kept: (() => Uint8Array)[] = [];
    let changed: unknown;
    let abandoned: unknown;
    const { ask } = connect(async (_kind, data, { prove, signal }) => {
      kept.push(prove);
      if (string(data) === "change") {
        data[0] = 0;
        changed = codeOf(prove);
      }
      if (string(data) === "give up") {
        await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve()));
        abandoned = codeOf(prove);
      }
      return data;
    });
    await ask("change");
    expect(changed).toBe("proof-unavailable");
    const controller = new AbortController();
    const given = ask("give up", undefined, controller.signal).catch(() => {});
    await expect.poll(() => kept.length, { timeout: 10_000 }).toBe(2);
    controller.abort();
    await given;
    await expect.poll(() => abandoned, { timeout: 10_000 }).toBe("proof-unavailable");
    await ask("last");
    expect(kept.map(codeOf)).toEqual(["proof-unavailable", "proof-unavailable", "proof-unavailable"]);
  });
});

describe("between clients", () => {
  it("messages, answers, gossip and answers to gossip can all be shown to who has the root and nothing else", async () => {
    await using made = await OfflineNetwork.of(2);
    const [asker, answerer] = made.clients as [(typeof made.clients)[0], (typeof made.clients)[0]];
    const trusted = { roots: certificatesToPem(made.network.authority.root) };
    const proofs = new Map<string, Uint8Array>();
    const all = deferred();
    const keep = (name: string, proof: Uint8Array) => {
      proofs.set(name, proof);
      if (proofs.size === 4) all.resolve();
    };
    answerer.registerMessageHandler((data, { proof }) => {
      keep("message", proof());
      return text(`${string(data)}, agreed`);
    });
    answerer.registerGossipHandler((data, { proof }) => {
      keep("gossip", proof());
      return data;
    });
    asker.registerResponseHandler((_data, { proof }) => keep("response", proof()));
    asker.setGossipContent(text("news"));
    // Several at once: they share a frame, and one of them is shown.
    const bids = ["bid 5", "bid 6", "bid 7"].map((bid) => asker.sendToId(answerer.id, text(bid)));
    await Promise.all(bids);
    await asker.sendTo(answerer.address, text("bid 8"), { onProof: (proof) => keep("reply", proof) });
    await all.promise;
    const shown = (name: string) => verifyMessage(proofs.get(name)!, trusted);
    const [there, back] = [
      { sender: asker.id, receiver: answerer.id },
      { sender: answerer.id, receiver: asker.id },
    ];
    expect(shown("message")).toMatchObject({ ...there, kind: "message", data: text("bid 8") });
    expect(shown("reply")).toMatchObject({ ...back, kind: "reply", data: text("bid 8, agreed") });
    expect(shown("reply")).toMatchObject({ link: shown("message").link, request: shown("message").request });
    expect(shown("gossip")).toMatchObject({ ...there, kind: "gossip", data: text("news") });
    expect(shown("response")).toMatchObject({ ...back, kind: "reply", data: text("news") });
  });
});

describe("the lists that waiting requests keep", () => {
  it("are refused when one link keeps too many long ones, each for a single request", async () => {
    const [near, far] = duplexPair(FRAME_BYTES_MAX);
    const budgets = { message: new Budget({ concurrent: 1 }), gossip: new Budget() };
    const dispatch: Dispatch = (_kind, data) => (data.length === 0 ? data : new Promise(() => {}));
    const responder = new Responder({ duplex: far, identity: bob, peer: alice.certificate, dispatch, budgets });
    const codes: string[] = [];
    const answered = deferred();
    const ended = deferred();
    const session = new FrameSession({
      ...{ duplex: near, identity: alice, peer: bob.certificate, caller: true },
      onContent: (content) => {
        if (content.kind === "error") codes.push(content.code);
        answered.resolve();
        return true;
      },
      onEnd: () => ended.resolve(),
    });
    session.send({ ...question("", 1), payload: new Uint8Array(0) } as Content);
    await answered.promise;
    const frames = 70;
    for (let id = 2; id < 2 + frames; id++) {
      session.send(question("wait", id));
      // Of what is answered long since: allowed, and each makes the list of this frame longer.
      for (let extra = 1; extra < FRAME_MESSAGES_MAX; extra++) session.send({ kind: "cancel", id: 1 });
    }
    // One runs, as many wait as there is room for lists, and the others are told so.
    const room = 1 + Math.floor((2 * 1024 * 1024) / (108 + FRAME_MESSAGES_MAX * 32));
    await expect.poll(() => codes.length, { timeout: 10_000 }).toBe(frames - room);
    expect(new Set(codes)).toEqual(new Set(["overloaded"]));
    expect(responder.open).toBe(room);
    session.end(new FirefliesError("link-closed"));
    await ended.promise;
    await expect.poll(() => responder.open, { timeout: 10_000 }).toBe(0);
  });

  it("are counted once per frame, bounded, and given back", () => {
    const contents = Array.from({ length: FRAME_MESSAGES_MAX }, (_, number) => question(`${number}`));
    const { frame } = signedFrame({ sender: alice, receiver: bob.certificate.id, contents });
    const frames = Array.from({ length: 100 }, () => ({ ...frame }));
    const lists = new KeptLists();
    const kept = frames.filter((each) => lists.keep(each));
    expect(kept.length).toBe(Math.floor((2 * 1024 * 1024) / frame.list.length));
    expect(lists.keep(kept[0]!)).toBe(true);
    expect(lists.bytes).toBe(kept.length * frame.list.length);
    for (const each of [...kept, kept[0]!]) lists.release(each);
    expect(lists.bytes).toBe(0);
  });
});
