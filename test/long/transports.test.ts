/**
 * The transports' contract in its long form: 1 GiB each way, and 10,000 connections that leave no handle. Ten minutes.
 * Run: LONG=1 npx vitest run test/long/transports.test.ts
 */
import { afterAll, beforeAll, describe, test } from "vitest";
import {
  MemoryNetwork,
  type Transport,
  tcpTransport,
  udxTransport,
  wssTransport,
  wsTransport,
} from "../../net/index.js";
import { transportContract, transportPromises } from "../../testing/index.js";
import { serverCertificate } from "../support/oidc-issuer.js";
import { RdvPlace } from "../support/rdv-transport.js";
import { RelayPlace } from "../support/relay-transport.js";

/** Milliseconds: 1 GiB each way takes seconds on a quiet machine. */
const DEADLINE_MS = 10 * 60_000;
const LONG_FORM = { bytes: 2 ** 30, lives: 10_000, timeoutMs: DEADLINE_MS };

const wires = new MemoryNetwork();
const relays = process.env.LONG ? await RelayPlace.open() : undefined;
afterAll(() => relays?.close());
const certificate = await serverCertificate();
const TRANSPORTS: Readonly<Record<string, () => Transport>> = {
  TCP: tcpTransport,
  WebSocket: wsTransport,
  "WebSocket over TLS": () => wssTransport({ tls: { ...certificate, ca: certificate.cert } }),
  "reliable UDP": udxTransport,
  Memory: () => wires.transport("here"),
};

describe.runIf(process.env.LONG)("in its long form (needs LONG=1, as npm run nightly sets it)", () => {
  for (const [title, create] of Object.entries(TRANSPORTS))
    transportContract(title, { create, host: "127.0.0.1" }, { describe, test }, LONG_FORM);

  // That nobody is there is the server's word, which is no evidence, and its port is none of the transport's own.
  const NOT_HERE = /as evidence|free port|nobody else does/;
  describe("by rendezvous", () => {
    let place: RdvPlace;
    beforeAll(async () => {
      place = await RdvPlace.open();
    });
    afterAll(() => place.close());
    const { bytes, lives, timeoutMs: timeout } = LONG_FORM;
    const subject = { create: () => place.transport, host: "127.0.0.1" };
    for (const { title, run } of transportPromises(subject, { bytes, lives }).filter(
      (each) => !NOT_HERE.test(each.title),
    ))
      test(title, { timeout }, run);
  });
  describe.runIf(relays)("through a relay (needs LONG=1)", () => {
    const { bytes, lives, timeoutMs: timeout } = LONG_FORM;
    const promises = relays ? transportPromises(relays.subject, { bytes, lives }) : [];
    for (const { title, run } of promises.filter((each) => !NOT_HERE.test(each.title))) test(title, { timeout }, run);
  });
});
