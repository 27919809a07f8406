/** Requests to NATS go to members that are believed to bridge, and to nobody else who says so. */
import { describe, expect, it } from "vitest";
import { natsRequest } from "../../../services/nats/index.js";
import { OfflineNetwork, read, text, whole } from "../../support/network.js";

describe("a request to NATS", () => {
  it("is asked of none but those that the rules name, whoever says that it bridges", async () => {
    await using network = await OfflineNetwork.create();
    const ann = await network.start();
    const [liar, bridge] = [
      await network.start({ entryAddrs: [ann.address] }),
      await network.start({ entryAddrs: [ann.address] }),
    ];
    await whole([ann, liar, bridge]);
    for (const [member, says] of [[liar, "lie"] as const, [bridge, "truth"] as const])
      member.serve("/nats/request", () => text(says));
    while (ann.members({ service: "/nats/request" }).length < 2) await new Promise((done) => setImmediate(done));
    const ask = (bridges: string[]) => natsRequest(ann, "ask", text("?"), { bridges });
    for (let count = 0; count < 8; count++) expect(read(await ask([bridge.id]))).toBe("truth");
    await expect(ask([])).rejects.toMatchObject({ code: "service-absent" });
    await expect(ask(["somebody-else"])).rejects.toMatchObject({ code: "service-absent" });
    await expect(ask(["a b"])).rejects.toMatchObject({ code: "access-invalid" });
  });
});
