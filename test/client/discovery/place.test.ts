/** Sources as a configuration names them: how they are read, and what is said of those that cannot be. */
import { describe, expect, it } from "vitest";
import { resolveMemberConfig } from "../../../client/config/resolve.js";
import { addressesAmong, nameOf, readPlace } from "../../../client/discovery/place.js";
import type { FirefliesError } from "../../../identity/index.js";

const SURROUNDINGS = { cwd: "/srv", home: "/home", env: {} };
const entriesOf = (entryAddrs: readonly string[]) =>
  resolveMemberConfig({ config: false, entryAddrs }, { surroundings: SURROUNDINGS }).entryAddrs;

describe("a source", () => {
  it.each<[text: string, place: object]>([
    ["dns:members.example:7000", { kind: "dns", host: "members.example", port: 7000, server: undefined }],
    ["dns:[::1]:7", { kind: "dns", host: "::1", port: 7, server: undefined }],
    ["dns://10.0.0.2:8600/a.consul:7", { kind: "dns", host: "a.consul", port: 7, server: "10.0.0.2:8600" }],
    ["dns://10.0.0.2/a:7", { kind: "dns", host: "a", port: 7, server: "10.0.0.2:53" }],
    ["dns://[fd00::2]:53/a:7", { kind: "dns", host: "a", port: 7, server: "[fd00::2]:53" }],
    ["srv:_fireflies._tcp.example", { kind: "srv", service: "_fireflies._tcp.example", server: undefined }],
    ["file:/etc/fireflies/contacts", { kind: "file", path: "/etc/fireflies/contacts" }],
    ["kubernetes:shop/members:7000", { kind: "kubernetes", namespace: "shop", service: "members", port: "7000" }],
    ["kubernetes:members", { kind: "kubernetes", namespace: undefined, service: "members", port: undefined }],
    ["kubernetes:members:pings", { kind: "kubernetes", namespace: undefined, service: "members", port: "pings" }],
  ])("%s is read, and written as it was", (text, place) => {
    const read = readPlace(text);
    expect(read).toEqual({ ok: true, place });
    if (read?.ok) expect(readPlace(nameOf(read.place))).toEqual(read);
  });

  it.each(["dns:7000", "file:80", "members.example:7000", "ws://a:1/x", "[::1]:7000"])("%s is an address", (text) => {
    expect(readPlace(text)).toBeUndefined();
    expect(addressesAmong([text, "dns:a:1"])).toEqual([text]);
  });

  it.each<[text: string, problem: RegExp]>([
    ["dns:members.example", /must name a host and the port/],
    ["dns:members.example:0", /must name a host and the port/],
    ["dns://resolver/a:7", /IP address of a DNS server/],
    ["dns://10.0.0.2", /IP address of a DNS server/],
    ["srv:fireflies.example", /must name a service after srv:/],
    ["file:", /must name a file/],
    ["file:a\u0000b", /must name a file/],
    ["kubernetes:Shop/members", /must name a service after kubernetes:/],
    ["dsn:members.example:7000", /did you mean dns:/],
    ["kubernets:shop/members:7000", /did you mean kubernetes:/],
    ["members.example", /must be "host:port"/],
  ])("%s is refused with what it should be", (text, problem) => {
    let found: FirefliesError | undefined;
    try {
      entriesOf([text]);
    } catch (error) {
      found = error as FirefliesError;
    }
    expect([found?.code, found?.message]).toEqual(["config-bad-value", expect.stringMatching(problem)]);
  });

  it("that is a file has its path from where the process runs, and there are sixteen at most", () => {
    expect(entriesOf(["file:contacts", "file:/etc/contacts"])).toEqual(["file:/srv/contacts", "file:/etc/contacts"]);
    const many = Array.from({ length: 17 }, (_, index) => `dns:a${index}.example:7`);
    expect(entriesOf([...many.slice(1), "a:1", "b:2"])).toHaveLength(18);
    expect(() => entriesOf(many)).toThrow("at most 16 sources (it names 17)");
  });
});
