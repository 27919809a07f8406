/** docs/agent-openapi.json is what an agent answers; `npm run docs` rewrites it. */
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import * as calls from "../../cli/api/caller/calls.js";
import type { ApiCall } from "../../cli/api/caller/client.js";
import { applicationOf } from "../../cli/api/server/app.js";
import { hostOf } from "../support/serve-fake.js";
import { ROOT } from "../support/tree.js";

interface Operation {
  readonly summary?: string;
  readonly responses: Readonly<Record<string, unknown>>;
}
interface Document {
  readonly openapi: string;
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
}

async function documentOf(): Promise<Document> {
  const host = hostOf({} as never);
  const app = applicationOf({ host, closing: new AbortController().signal, upgradeOf: () => undefined });
  await app.ready();
  return (await app.inject("/openapi.json")).json<Document>();
}

describe("the OpenAPI document of an agent", () => {
  it("is the one in docs/", async () => {
    const text = `${JSON.stringify(await documentOf(), null, 2)}\n`;
    await expect(text).toMatchFileSnapshot(join(ROOT, "docs/agent-openapi.json"));
  });

  it("has every call that a command makes, with what it takes, answers and refuses", async () => {
    const { openapi, paths } = await documentOf();
    expect(openapi).toBe("3.1.0");
    const data = new Uint8Array();
    const made: ApiCall[] = [
      ...[calls.STATUS, calls.INFO, calls.RINGS, calls.DOCTOR, calls.RENEW, calls.LOG, calls.members()],
      ...[calls.changes(), calls.leave(0), calls.send({ to: "b", data }), calls.ping("b"), calls.join("a:1")],
      calls.gossip(data),
      ...[calls.SERVICES, calls.RELOAD, calls.IDENTITIES, calls.addService({ id: "a", kind: "b", settings: {} })],
      ...[calls.mountIdentity({ name: "a", dir: "/a" })],
      calls.accept("a"),
    ];
    for (const { path, method = "GET" } of made) expect(paths[path]).toHaveProperty(method.toLowerCase());
    expect(paths["/v1/streams/{member}"]).toHaveProperty("get");
    for (const operation of Object.values(paths).flatMap((path) => Object.values(path))) {
      expect(operation.summary).toBeTruthy();
      expect(Object.keys(operation.responses)).toEqual(["200", "4XX", "5XX"]);
    }
  });
});
