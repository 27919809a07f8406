/** What is said when a clock is off, or when something else than the authority ends TLS: which side, by how much, what to do. */
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { createServer } from "node:tls";
import { describe, expect, it } from "vitest";
import {
  behindAuthority,
  certificatesToPem,
  createRoot,
  datesMissed,
  generateKeyPair,
  privateKeyToPem,
  signRaw,
  spanText,
} from "../../identity/index.js";
import { expiry } from "../../net/session/admission.js";
import { OnlineNetwork } from "../support/network.js";
import { DAY_MS, TestNetwork } from "../support/test-network.js";

const MINUTE_MS = 60_000;
const NOON = Date.parse("2026-11-21T12:00:00Z");

describe("in words", () => {
  it.each([
    [0, "less than 1 s"],
    [1_000, "1 s"],
    [6 * MINUTE_MS, "6 min"],
    [6 * MINUTE_MS + 30_000, "6 min 30 s"],
    [125 * MINUTE_MS, "2 h 5 min"],
    [DAY_MS, "1 day"],
    [12 * DAY_MS + 3_600_000, "12 days 1 h"],
  ])("%d ms are %s", (ms, text) => {
    expect(spanText(ms)).toBe(text);
  });

  it("dates that begin later, have ended, or fit", () => {
    const dates = { notBefore: NOON, notAfter: NOON + DAY_MS };
    expect(datesMissed(dates, NOON - 6 * MINUTE_MS)).toMatch(
      /begins at 2026-11-21T12:00.* says 2026-11-21T11:54.*: 6 min earlier\./,
    );
    expect(datesMissed(dates, NOON + 2 * DAY_MS)).toMatch(/ended at 2026-11-22T12:00.*: 1 day later\./);
    expect(datesMissed(dates, NOON)).toBeUndefined();
  });

  it("behind or ahead of the authority, which dates back by five minutes", () => {
    const notBefore = NOON - 5 * MINUTE_MS;
    expect(behindAuthority({ notBefore }, NOON - 6 * MINUTE_MS)).toMatch(/is 6 min behind the authority's/);
    expect(behindAuthority({ notBefore }, NOON + 8 * DAY_MS)).toMatch(/is 8 days ahead of the authority's/);
  });
});

describe("a member whose clock is off", () => {
  it.each([
    [
      -6 * MINUTE_MS - 10_000, // Dates of certificates have no milliseconds.
      "certificate-invalid",
      /this machine's clock says .* and is 6 min( \d+ s)? behind the authority's/i,
    ],
    [-20 * MINUTE_MS, "authority-untrusted", /by its certificate's dates\. It begins at .*: \d+ min( \d+ s)? earlier/],
    [8 * DAY_MS, "authority-untrusted", /by its certificate's dates\. It ended at .*later/],
  ])("and whose authority is %d ms behind it is told so", async (behindMs, code, message) => {
    await using network = await OnlineNetwork.create({ behindMs });
    await expect(network.client(network.named("alice")).start()).rejects.toMatchObject({
      code,
      message: expect.stringMatching(message),
      advice: expect.stringContaining("timedatectl"),
    });
  });

  it("or another member's, is told by how much the other one's certificate misses it", async () => {
    const { certificate } = await (await TestNetwork.create()).member();
    const { notBefore, notAfter } = certificate;
    const at = (now: number) => expiry(certificate, { now: () => now });
    expect(at(notBefore)).toBeUndefined();
    expect(at(notBefore - 6 * MINUTE_MS)).toMatchObject({ message: expect.stringContaining(": 6 min earlier") });
    expect(at(notAfter + 2 * DAY_MS)).toMatchObject({
      message: expect.stringContaining(": 2 days later"),
      advice: expect.stringMatching(/clock.*renew/s),
    });
  });
});

describe("something that ends TLS before the authority", () => {
  it("is named, with who vouches for it, and what to do", async () => {
    await using network = await OnlineNetwork.create();
    const pair = generateKeyPair();
    const validity = { notBefore: Date.now() - DAY_MS, notAfter: Date.now() + DAY_MS };
    const signer = (data: Uint8Array) => signRaw(pair.privateKey, data);
    const certificate = await createRoot({
      name: "Example Inspection\u202e CA",
      spki: pair.spki,
      sign: signer,
      validity,
    });
    const server = createServer(
      { key: privateKeyToPem(pair.privateKey), cert: certificatesToPem(certificate) },
      (socket) => socket.on("error", () => {}),
    );
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const url = `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
    try {
      const error = await network
        .client({ ...network.named("alice"), ca: url })
        .start()
        .then(
          () => undefined,
          (reason: unknown) => reason,
        );
      expect(error).toMatchObject({
        code: "authority-untrusted",
        advice: expect.stringMatching(/pass TLS through.*ca_tls/),
      });
      expect(String(error)).toContain(
        'TLS ends at something else, whose certificate is for "Example Inspection\\u202e CA"',
      );
    } finally {
      server.close();
    }
  });
});
