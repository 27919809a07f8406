/** Who may call an agent's API, and what differs between two configurations of it: decisions, as tables. */
import { describe, expect, it } from "vitest";
import { changedText } from "../../cli/agent/config-file.js";
import { identityDifference } from "../../cli/agent/reload-difference.js";
import { isLoopback } from "../../cli/api/place.js";
import { Access, type Head, pageProblem } from "../../cli/api/server/access.js";
import { ApiToken } from "../../cli/api/token.js";
import type { IdentityConfig } from "../../client/config/index.js";

describe("a request that a page could have made", () => {
  it.each([
    [{ host: "localhost" }, undefined],
    [{ host: "LOCALHOST:80" }, undefined],
    [{ host: "127.0.0.1:8500" }, undefined],
    [{ host: "[::1]:8500" }, undefined],
    [{ host: "10.1.2.3" }, undefined],
    [{ host: "ops.example:1" }, undefined],
    [{ host: "localhost", origin: "http://localhost" }, undefined],
    [{}, "control-malformed"],
    [{ host: "evil.example" }, "agent-forbidden"],
    [{ host: "localhost.evil.example" }, "agent-forbidden"],
    [{ host: "127.0.0.1.evil.example" }, "agent-forbidden"],
    [{ host: "user@localhost" }, "agent-forbidden"],
    [{ host: "" }, "agent-forbidden"],
    [{ host: "localhost", origin: "null" }, "agent-forbidden"],
    [{ host: "localhost", origin: "http://localhost:81" }, "agent-forbidden"],
    [{ host: "localhost:80", origin: "http://evil.example" }, "agent-forbidden"],
    [{ host: "127.0.0.1:1", origin: "http://127.0.0.1:1/" }, "agent-forbidden"],
    [
      { host: "127.0.0.1", "sec-fetch-site": "none", "sec-fetch-mode": "navigate", "sec-fetch-dest": "document" },
      undefined,
    ],
    [
      { host: "127.0.0.1", "sec-fetch-site": "same-origin", "sec-fetch-mode": "cors", "sec-fetch-dest": "empty" },
      undefined,
    ],
    [
      { host: "127.0.0.1", "sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate", "sec-fetch-dest": "document" },
      undefined,
    ],
    [
      { host: "127.0.0.1", "sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate", "sec-fetch-dest": "iframe" },
      "agent-forbidden",
    ],
    [
      { host: "127.0.0.1", "sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors", "sec-fetch-dest": "image" },
      "agent-forbidden",
    ],
    [
      { host: "127.0.0.1", "sec-fetch-site": "same-site", "sec-fetch-mode": "no-cors", "sec-fetch-dest": "script" },
      "agent-forbidden",
    ],
  ])("%j: %s", (headers, code) => {
    expect(pageProblem(headers, ["ops.example"])?.code).toBe(code);
  });
});

describe("a caller", () => {
  const secret = "s".repeat(40);
  const head = (more: Partial<Head>, authorization?: string): Head => ({
    headers: { host: "localhost", ...(authorization !== undefined && { authorization }) },
    ...{ address: "127.0.0.1", principal: undefined, ...more },
  });
  const access = (more: { token?: string; isOpen?: boolean } = {}, now = () => 0) =>
    new Access({
      ...{ isOpen: more.isOpen ?? false, names: [], now },
      token: more.token === undefined ? undefined : new ApiToken(more.token),
    });

  it.each([
    ["over the Unix socket", { isOpen: true }, head({}), undefined],
    ["with a certificate", {}, head({ principal: "id" }), undefined],
    ["with the token", { token: secret }, head({}, `Bearer ${secret}`), undefined],
    ["with the token, in another case of its scheme", { token: secret }, head({}, `bearer ${secret}`), undefined],
    ["with neither", { token: secret }, head({}), "agent-forbidden"],
    ["that wants the page, which everybody may have", { token: secret }, head({ isPublic: true }), undefined],
    ["with a token where none is taken", {}, head({}, `Bearer ${secret}`), "agent-forbidden"],
    ["with a part of it", { token: secret }, head({}, `Bearer ${secret.slice(1)}`), "agent-forbidden"],
    ["with more than it", { token: secret }, head({}, `Bearer ${secret}s`), "agent-forbidden"],
    ["with another scheme", { token: secret }, head({}, `Basic ${secret}`), "agent-forbidden"],
  ])("%s", (_, rules, asked, code) => {
    expect(access(rules).refusal(asked)?.code).toBe(code);
  });

  it("who guesses is slowed down, by address; who knows the token never waits", () => {
    let now = 0;
    const guarded = access({ token: secret }, () => now);
    const guess = (address: string) => guarded.refusal(head({ address }, `Bearer ${"x".repeat(40)}`))?.code;
    for (let number = 0; number < 10; number++) expect(guess("10.0.0.1")).toBe("agent-forbidden");
    expect(guess("10.0.0.1")).toBe("too-many-requests");
    expect(guess("10.0.0.2")).toBe("agent-forbidden");
    expect(guarded.refusal(head({ address: "10.0.0.1" }, `Bearer ${secret}`))).toBeUndefined();
    now = 1_000;
    expect(guess("10.0.0.1")).toBe("agent-forbidden");
  });

  it.each([
    ["127.0.0.1", true],
    ["127.9.9.9", true],
    ["::1", true],
    ["[::1]", true],
    ["localhost", true],
    ["0.0.0.0", false],
    ["::", false],
    ["10.0.0.1", false],
    ["localhost.example", false],
    ["127.0.0.1.example", false],
  ])("%s is loopback: %s", (host, expected) => {
    expect(isLoopback(host)).toBe(expected);
  });
});

describe("identities of two configurations", () => {
  const wish = (name: string, dir = `/${name}`, linkIdleMs = 0) =>
    ({ name, config: { dir, linkIdleMs }, services: [], where: "" }) as unknown as IdentityConfig;
  it.each([
    ["the same", [wish("a")], [wish("a")], [[], [], ["a"], []]],
    ["one more", [wish("a")], [wish("a"), wish("b")], [["b"], [], ["a"], []]],
    ["one less", [wish("a"), wish("b")], [wish("b")], [[], ["a"], ["b"], []]],
    ["another directory", [wish("a")], [wish("a", "/x")], [["a"], ["a"], [], []]],
    ["another key", [wish("a")], [wish("a", "/a", 5)], [[], [], ["a"], ["a"]]],
    ["nothing", [], [], [[], [], [], []]],
  ])("%s", (_, before, after, expected) => {
    const { mount, unmount, keep, nextStart } = identityDifference(before, after);
    const names = (list: readonly IdentityConfig[]) => list.map(({ name }) => name);
    expect([names(mount), unmount, names(keep), nextStart]).toEqual(expected);
  });
});

describe("services in a file", () => {
  const web = { id: "web", kind: "forward", settings: { target: ":80", allow: ["bob"] } };
  it.each([
    ["an empty one", "", "services:\n  web:\n    kind: forward\n    target: :80\n    allow:\n      - bob\n"],
    [
      "one with comments",
      "# mine\ndir: x # here\n",
      "# mine\ndir: x # here\nservices:\n  web:\n    kind: forward\n    target: :80\n    allow:\n      - bob\n",
    ],
    [
      "one that has others",
      "services:\n  a: { kind: relay } # a\n",
      "services:\n  a: { kind: relay } # a\n  web:\n    kind: forward\n    target: :80\n    allow:\n      - bob\n",
    ],
  ])("are added to %s, and the rest stays", (_, text, expected) => {
    expect(changedText(text, undefined, [web], [])).toBe(expected);
  });

  it("bring a member that a command has mounted into it, with its directory", () => {
    const eve = { name: "eve", dir: "/eve" };
    const added = changedText("", eve, [{ ...web, settings: {} }], []);
    expect(added).toBe("identities:\n  eve:\n    dir: /eve\n    services:\n      web:\n        kind: forward\n");
    expect(changedText("identities: { eve: { dir: x } }\n", eve, [web], [])).toContain("dir: x");
  });

  it("are taken out, and nothing else", () => {
    const text = "services:\n  a: { kind: relay } # a\n  web: { kind: rdv }\n";
    expect(changedText(text, undefined, [], ["web"])).toBe("services:\n  a: { kind: relay } # a\n");
    expect(() => changedText("a: [\n", undefined, [], ["web"])).toThrow(/no YAML/);
  });
});
