/** Addresses of programs, in all the forms in which people have them. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  formatServiceAddress,
  isLocal,
  parseServiceAddress,
  requireServiceAddress,
  type ServiceAddress,
} from "../../services/service-address.js";

const tcp = (host: string, port: number): ServiceAddress => ({ kind: "tcp", host, port });
const udp = (host: string, port: number): ServiceAddress => ({ kind: "udp", host, port });
const unix = (path: string): ServiceAddress => ({ kind: "unix", path });

describe("an address of a program", () => {
  it.each<[string, ServiceAddress]>([
    ["127.0.0.1:8000", tcp("127.0.0.1", 8000)],
    ["[::1]:8000", tcp("::1", 8000)],
    ["app.example:80", tcp("app.example", 80)],
    ["8000", tcp("127.0.0.1", 8000)],
    [":8000", tcp("127.0.0.1", 8000)],
    ["127.0.0.1:0", tcp("127.0.0.1", 0)],
    ["tcp://127.0.0.1:8000", tcp("127.0.0.1", 8000)],
    ["udp://127.0.0.1:53", udp("127.0.0.1", 53)],
    ["udp://[::1]:53", udp("::1", 53)],
    ["unix:/run/app.sock", unix("/run/app.sock")],
    ["unix:///run/app.sock", unix("/run/app.sock")],
    ["unix:app.sock", unix("app.sock")],
    ["/ip4/127.0.0.1/tcp/8000", tcp("127.0.0.1", 8000)],
    ["/ip6/::1/tcp/8000", tcp("::1", 8000)],
    ["/ip4/127.0.0.1/udp/53", udp("127.0.0.1", 53)],
    ["/dns/app.example/tcp/443", tcp("app.example", 443)],
    ["/dns4/app.example/tcp/443", { ...tcp("app.example", 443), family: 4 } as ServiceAddress],
    ["/dns6/app.example/udp/443", { ...udp("app.example", 443), family: 6 } as ServiceAddress],
    ["/unix/run/app.sock", unix("/run/app.sock")],
    ["/unix/%2Frun%2Fapp.sock", unix("/run/app.sock")],
  ])("%s", (text, address) => {
    expect(parseServiceAddress(text)).toEqual(address);
  });

  it.each([
    ["", "nothing"],
    ["127.0.0.1", "no port"],
    ["::1:8000", "IPv6 without brackets"],
    ["127.0.0.1:65536", "no such port"],
    ["http://127.0.0.1:8000", "a URL of something else"],
    ["tcp://127.0.0.1:8000/path", "a path that nobody reads"],
    ["unix:", "no path"],
    [`unix:/${"a".repeat(103)}`, "a path that no system takes"],
    ["unix:/a\0b", "a zero, at which the system would stop to read"],
    ["/ip4/::1/tcp/8000", "not IPv4"],
    ["/ip6/127.0.0.1/tcp/8000", "not IPv6"],
    ["/dns/127.0.0.1/tcp/8000", "no name"],
    ["/ip4/127.0.0.1/tcp/65536", "no such port"],
    ["/ip4/127.0.0.1/tcp/8000/http", "more than it says here"],
    ["/ip4/127.0.0.1/sctp/8000", "another carrier"],
    ["/ip4/127.0.0.1", "no carrier"],
    ["/unix/%2Frun%2Fapp.sock/http", "more than it says here"],
    ["/unix/%2F%ZZ", "escapes that are none"],
    ["x".repeat(600), "too long"],
  ])("is not %j: %s", (text) => {
    expect(parseServiceAddress(text)).toBeUndefined();
    expect(() => requireServiceAddress(text)).toThrow(expect.objectContaining({ code: "address-invalid" }));
  });

  it("without a carrier is of that which is asked for", () => {
    expect(parseServiceAddress("127.0.0.1:53", "udp")).toEqual(udp("127.0.0.1", 53));
    expect(parseServiceAddress("/ip4/127.0.0.1/tcp/53", "udp")).toEqual(tcp("127.0.0.1", 53));
  });

  it("is read back as it was written", () => {
    const port = fc.integer({ min: 0, max: 65_535 });
    const kind = fc.constantFrom("tcp" as const, "udp" as const);
    const host = fc.oneof(fc.ipV4(), fc.constantFrom("::1", "fe80::1", "2001:db8::7"), fc.domain());
    const internet = fc.record({ kind, host, port });
    const named = fc.record({ kind, host: fc.domain(), port, family: fc.constantFrom(4 as const, 6 as const) });
    const path = fc
      .string({ minLength: 1, maxLength: 30, unit: "binary" })
      .filter((text) => !text.includes("\0") && !text.startsWith("/"));
    const socket = path.map((text) => ({ kind: "unix" as const, path: `/${text}` }));
    fc.assert(
      fc.property(fc.oneof(internet, named, socket), (address) => {
        expect(parseServiceAddress(formatServiceAddress(address))).toEqual(address);
      }),
    );
  });

  it.each<[string, boolean]>([
    ["127.0.0.1:80", true],
    ["127.9.9.9:80", true],
    ["[::1]:80", true],
    ["[::ffff:127.0.0.1]:80", true],
    ["localhost:80", true],
    ["unix:/run/app.sock", true],
    ["0.0.0.0:80", false],
    ["10.0.0.1:80", false],
    ["169.254.169.254:80", false],
    ["localhost.example:80", false],
  ])("%s leads to this machine alone: %s", (text, local) => {
    expect(isLocal(requireServiceAddress(text))).toBe(local);
  });
});
