/** Tables as version 2 had them, made of those of today: what is new is taken away. */
import { randomUUID } from "node:crypto";
import { expect } from "vitest";
import { openStore } from "../../ca/store/open.js";
import type { NewNetwork } from "../../ca/store/store.js";
import { randomSecret } from "../../identity/index.js";
import { memberIdFromBytes } from "../../rings/index.js";
import { certificate, issuer, NOW, network } from "./store-contract.js";

/** One statement each, in the words of both databases. */
export const BACK_TO_VERSION_2 = [
  ...["ALTER TABLE principals DROP COLUMN source", "ALTER TABLE certificates DROP COLUMN token"],
  ...["DROP INDEX certificates_rekeyed", "ALTER TABLE certificates DROP COLUMN rekeyed_from"],
  "ALTER TABLE principals DROP COLUMN gone_at",
  ...["ALTER TABLE networks DROP COLUMN served_since", "ALTER TABLE networks DROP COLUMN served_at"],
  "ALTER TABLE tokens ADD COLUMN serial TEXT",
  "UPDATE tokens SET serial = (SELECT max(serial) FROM certificates) WHERE used > 0",
  ...["ALTER TABLE tokens DROP COLUMN uses", "ALTER TABLE tokens DROP COLUMN used"],
  "DROP INDEX reports_by_time",
  ...["DROP INDEX reports_by_id", "DROP INDEX reports_steady"],
  "ALTER TABLE reports DROP COLUMN since",
  "ALTER TABLE reports DROP COLUMN due_at",
  "ALTER TABLE reports DROP COLUMN left_at",
  "CREATE INDEX reports_by_time ON reports (network_id, reported_at)",
  "CREATE INDEX reports_by_id ON reports (network_id, id)",
  ...["DROP INDEX certificates_of_key", "CREATE INDEX certificates_of_key ON certificates (network_id, spki)"],
  ...["DROP INDEX certificates_by_end", "CREATE INDEX certificates_by_end ON certificates (network_id, not_after)"],
  ...["DROP INDEX tokens_by_end", "CREATE INDEX tokens_by_end ON tokens (network_id, expires_at)"],
  "DROP INDEX principals_in_any_case",
  "UPDATE migrations SET version = 2",
] as const;

/** Opens a new store at `place`, admits one member, and sees it again after `goBack` has made the tables old. */
export async function expectMigrated(place: string, goBack: () => Promise<void>): Promise<void> {
  const first: NewNetwork = { network: network("default"), issuer: issuer() };
  const before = await openStore(place);
  await before.createAuthority({ root: randomSecret(32), createdAt: NOW, epoch: 0 }, first);
  const member = certificate(randomUUID(), first.issuer);
  const { networkId } = first.network;
  const [used, unused] = [randomSecret(32), randomSecret(32)];
  for (const hash of [used, unused])
    await before.network(networkId).createToken({ hash, principal: member.principal, expiresAt: NOW + 9, uses: 1 });
  const condition = { kind: "token", hash: used, isForNewNames: false } as const;
  const order = { certificate: member, condition, addresses: ["10.0.0.1:1"] };
  expect(await before.network(networkId).recordCertificate(order)).toBe("recorded");
  await before.close();
  await goBack();
  const after = await openStore(place);
  try {
    const records = after.network(networkId);
    expect(await records.principal(member.principal)).toMatchObject({ reportedAt: NOW, leftAt: undefined });
    expect(await records.token(used)).toMatchObject({ uses: 1, used: 1 });
    expect(await records.token(unused)).toMatchObject({ uses: 1, used: 0 });
    expect(await records.certificateOfToken(used, member.principal, member.spki)).toEqual(member);
    const except = memberIdFromBytes(randomSecret(32));
    const contacts = () => records.contacts({ except, now: NOW + 1_000, limit: 3 });
    expect((await contacts()).map(({ addresses }) => addresses)).toEqual([["10.0.0.1:1"]]);
    const report = { id: member.id, addresses: ["10.0.0.2:1"], at: NOW, dueAt: NOW + 9_000 };
    await records.report({ ...report, leaving: true });
    expect(await contacts()).toEqual([]);
    await records.report({ ...report, leaving: false });
    expect((await contacts()).map(({ addresses }) => addresses)).toEqual([["10.0.0.2:1"]]);
    const rows: string[] = [];
    for await (const { table, values } of after.dump())
      if (table === "reports") rows.push(JSON.stringify(values.slice(2)));
    expect(rows).toEqual([JSON.stringify(['["10.0.0.2:1"]', NOW, NOW, NOW + 9_000, null])]);
  } finally {
    await after.close();
  }
}
