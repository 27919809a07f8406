/** docs/openapi.json is what the server answers; `npm run docs` rewrites it. */
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { ConnectionGate } from "../../ca/gate/connection-gate.js";
import { SERVICE_LIMITS } from "../../ca/gate/service-limits.js";
import { TrustedProxies } from "../../ca/gate/trusted-proxies.js";
import { createApp } from "../../ca/http/app.js";
import { createServerCredentials } from "../../ca/http/server-certificate.js";
import { ROOT } from "../support/tree.js";
import { AuthorityFixture } from "./authority-fixture.js";

interface Document {
  readonly openapi: string;
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
}
interface Operation {
  readonly summary?: string;
  readonly security?: unknown;
  readonly requestBody?: {
    readonly content: Readonly<Record<string, { readonly schema: Readonly<Record<string, unknown>> }>>;
  };
  readonly responses: Readonly<Record<string, unknown>>;
}

async function inApp<T>(use: (app: ReturnType<typeof createApp>) => Promise<T>): Promise<T> {
  await using fixture = await AuthorityFixture.start();
  const { authority } = fixture;
  const gate = new ConnectionGate(SERVICE_LIMITS.gate, SERVICE_LIMITS.waits, () => {});
  const credentials = await createServerCredentials(authority);
  const proxies = new TrustedProxies();
  const told = { answered: () => {}, isStopping: () => false };
  const parts = { authority, credentials, gate, proxies, limits: SERVICE_LIMITS, ...told };
  const app = createApp(parts);
  await app.ready();
  return await use(app).finally(() => app.close());
}

describe("the OpenAPI document", () => {
  it("is the one in docs/", async () => {
    const document = await inApp(async (app) => (await app.inject("/openapi.json")).json<Document>());
    await expect(`${JSON.stringify(document, null, 2)}\n`).toMatchFileSnapshot(join(ROOT, "docs/openapi.json"));
  });

  it("has every route that the server has, with what it takes, answers and refuses", async () => {
    const document = await inApp(async (app) => (await app.inject("/openapi.json")).json<Document>());
    expect(document.openapi).toBe("3.1.0");
    // A route without a summary is refused when the application is made; the document's own is added after it.
    expect(Object.keys(document.paths)).toEqual(expect.arrayContaining(["/v1/enroll", "/v1/renew", "/readyz"]));
    expect(Object.keys(document.paths)).not.toContain("/openapi.json");
    for (const operation of Object.values(document.paths).flatMap((path) => Object.values(path))) {
      expect(operation.summary).toBeTruthy();
      const [ok, ...failures] = Object.keys(operation.responses);
      expect(ok).toMatch(/^20[04]$/);
      expect(failures.filter((status) => status !== "503")).toEqual(["4XX", "5XX"]); // Not to be ready has an answer of its own.
    }
  });

  it("marks the calls that need a certificate", async () => {
    const document = await inApp(async (app) => (await app.inject("/openapi.json")).json<Document>());
    expect(document.paths["/v1/renew"]?.post?.security).toEqual([{ certificate: [] }, { signature: [] }]);
    expect(document.paths["/v1/enroll"]?.post?.security).toBeUndefined();
  });
});
