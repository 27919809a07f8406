/** `support-bundle`: what is in it, and that no secret is, wherever one was planted. */
import { describe, expect, it } from "vitest";
import { scrubbed, supportBundle } from "../../cli/commands/tools/support-bundle.js";
import { encodeToken, generateKeyPair, privateKeyToPem } from "../../identity/index.js";

const KEY = privateKeyToPem(generateKeyPair().privateKey);
const TOKEN = encodeToken({
  urls: ["https://ca:8300"],
  fingerprint: "ab".repeat(32),
  secret: new Uint8Array(32).fill(7),
});
const JWT = "eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJib2IifQ.c2lnbmF0dXJl";
const PLANTED = { key: KEY.slice(40, 80), token: TOKEN.slice(10, 40), jwt: JWT.slice(25, 40), word: "hunter2-planted" };

const MACHINE = {
  ...{ version: "0.1.0", node: "v20", platform: "linux x64", variables: ["FIREFLIES_TOKEN"] },
  files: [{ name: "key.pem", bytes: 241, mode: "600" }],
};

describe("a support bundle", () => {
  it("has no secret that was planted in any answer", () => {
    const alarms = [{ code: "token-invalid", message: `the token ${TOKEN} was refused`, advice: `not ${JWT}` }];
    const planted = {
      status: { id: "a", state: "in", metadata: { password: PLANTED.word }, alarms, dir: "/home/x" },
      info: { id: "a", members: 2, gossip: PLANTED.word },
      members: [{ id: "b", name: "bob", metadata: { api: PLANTED.word }, state: "live" }],
      services: [
        {
          id: "s",
          kind: "forward",
          state: "running",
          settings: { password: PLANTED.word },
          error: `Bearer ${PLANTED.word}`,
        },
      ],
      topics: [{ topic: "orders", last: PLANTED.word, subscribers: 1 }],
      doctor: { findings: [{ message: `${KEY} was found, password=${PLANTED.word}` }] },
      explained: { sentences: [`reached at https://bob:${PLANTED.word}@host/`], events: [] },
    };
    const text = JSON.stringify(supportBundle(planted, MACHINE, 0));
    for (const [what, secret] of Object.entries(PLANTED)) expect(text.includes(secret), what).toBe(false);
    expect(text).toMatch(/"orders"/);
    expect(text).toMatch(/"bob"/);
    expect(text).toMatch(/"token-invalid"/);
    expect(text).toMatch(/FIREFLIES_TOKEN/);
  });

  it("says of an agent that is down why it has no answers", () => {
    const failed = { failed: { code: "agent-unreachable", message: "No agent is running on /x." } };
    const answers = {
      ...{ status: failed, info: failed, members: failed },
      services: failed,
      topics: failed,
      doctor: failed,
    };
    expect(supportBundle(answers, MACHINE, 0)).toMatchObject({ ...answers, machine: { version: "0.1.0" } });
  });

  it.each([
    ["a key", KEY],
    ["half a key", KEY.slice(0, 120)],
    ["a token", `said ${TOKEN}.`],
    ["a JWT", JWT],
    ["a header", "authorization: Bearer abc.def"],
    ["a password in a URL", "postgres://user:hunter2@db/x"],
  ])("leaves out %s", (_, text) => {
    expect(scrubbed({ deep: [text] })).toEqual({ deep: [expect.stringContaining("[left out]")] });
  });

  it("leaves everything else as it is", () => {
    const facts = { name: "bob", at: 5, list: ["127.0.0.1:4001", null, true], id: "ab".repeat(32) };
    expect(scrubbed(facts)).toEqual(facts);
  });
});
