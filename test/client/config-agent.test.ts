/** What an agent is told beside its member's keys: sections with names, keys of the API, and what a program's member passes over. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { resolveAgentConfig } from "../../client/config/index.js";
import { resolveMemberConfig } from "../../client/config/resolve.js";
import type { FirefliesError } from "../../identity/index.js";

const cwd = mkdtempSync(join(tmpdir(), "ff-config-agent-"));
const file = join(cwd, "a.yaml");
afterAll(() => rmSync(cwd, { recursive: true, force: true }));

const surroundings = (env: Readonly<Record<string, string>> = {}) => ({ cwd, home: cwd, env });

function read(text: string, env?: Readonly<Record<string, string>>, flags: Readonly<Record<string, unknown>> = {}) {
  writeFileSync(file, text);
  return resolveAgentConfig({ config: file }, { surroundings: surroundings(env), flags });
}

function problem(text: string): string {
  try {
    read(text);
    return "none";
  } catch (error) {
    const { code, message, advice } = error as FirefliesError;
    return `${code} ${message} ${advice}`.replace(`${file}, `, "");
  }
}

const ALL = `
dir: ann
api_listen: 8500
api_allow: [ops]
prof: 127.0.0.1:6060
services:
  web:
    kind: forward
    target: 127.0.0.1:80
identities:
  bob:
    dir: ./bob
    entry_addrs: [${"A".repeat(64)}@127.0.0.1:8400]
    services:
      relay: { kind: relay }
`;

describe("an agent's file", () => {
  it("has keys, services and identities, each with its line", () => {
    const { member, api, prof, services, identities } = read(ALL);
    expect(member.dir).toBe(join(cwd, "ann"));
    expect(api).toEqual({ listen: { host: "127.0.0.1", port: 8500 }, tokenFile: undefined, allow: ["ops"], names: [] });
    expect(prof).toEqual({ host: "127.0.0.1", port: 6060 });
    const settings = [{ key: "target", value: "127.0.0.1:80", where: `${file}, line 9` }];
    expect(services).toEqual([{ id: "web", kind: "forward", settings, where: `${file}, line 7` }]);
    expect(identities).toMatchObject([{ name: "bob", services: [{ id: "relay", where: `${file}, line 15` }] }]);
    expect(identities[0]?.config).toMatchObject({
      dir: join(cwd, "bob"),
      entryAddrs: [`${"a".repeat(64)}@127.0.0.1:8400`],
    });
  });

  it("is one for a program's member as well, which passes over what is the agent's", () => {
    writeFileSync(file, ALL);
    expect(resolveMemberConfig({ config: file }, { surroundings: surroundings() })).toMatchObject({
      dir: join(cwd, "ann"),
    });
  });

  it("is weaker than variables, and these than flags", () => {
    const env = { FIREFLIES_API_LISTEN: "127.0.0.1:1", FIREFLIES_API_ALLOW: "a,b" };
    expect(read(ALL, env).api).toMatchObject({ listen: { port: 1 }, allow: ["a", "b"] });
    expect(read(ALL, env, { "api-listen": "127.0.0.1:2", dir: "x" }).api).toMatchObject({ listen: { port: 2 } });
    expect(read(ALL, env, { "api-token-file": "t" }).api.tokenFile).toBe(join(cwd, "t"));
  });

  it.each([
    [
      "a misspelt section",
      "servces: {}\n",
      'config-unknown-key line 1: there is no key "servces". Did you mean services?',
    ],
    [
      "a misspelt key",
      "api_listn: 1\n",
      'config-unknown-key line 1: there is no key "api_listn". Did you mean api_listen?',
    ],
    ["no port", "api_listen: localhost\n", "config-bad-value line 1: api_listen must be"],
    ["a list of services", "services: [web]\n", "config-bad-value line 1: services must be a mapping"],
    ["a service that is text", "services:\n  web: forward\n", "config-bad-value line 2: web must be a mapping"],
    ["a service without a kind", "services:\n  web: {}\n", "config-bad-value line 2: the service web needs a kind."],
    [
      "a kind that is none",
      "services:\n  web:\n    kind: 7\n",
      "config-bad-value line 3: the service web needs a kind.",
    ],
    [
      "a name of a service",
      "services:\n  '../x': { kind: relay }\n",
      "config-bad-value line 2: a service cannot be called",
    ],
    [
      "an identity's key",
      "identities:\n  b:\n    dir: b\n    lisen: 1\n",
      'config-unknown-key line 4: there is no key "lisen". Did you mean listen?',
    ],
    [
      "an identity without a directory",
      "identities:\n  b: { name: b }\n",
      "config-bad-value line 2: the identity b needs a directory.",
    ],
    [
      "an identity's service",
      "identities:\n  b:\n    dir: b\n    services:\n      w: {}\n",
      "config-bad-value line 5: the service w needs a kind.",
    ],
    ["an entry", "entry_addrs: [bob@127.0.0.1:1]\n", "config-bad-value line 1: entry_addrs must be"],
  ])("is refused for %s, with its line", (_, text, words) => {
    expect(problem(text)).toContain(words);
  });
});
