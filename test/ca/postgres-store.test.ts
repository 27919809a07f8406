/** The store's contract over a real PostgreSQL server that this file starts. */
import pg from "pg";
import { afterAll, beforeAll, describe, it } from "vitest";
import { openStore } from "../../ca/store/open.js";
import { postgresProblem, startPostgres, type TestPostgres } from "../support/postgres.js";
import { itNamesStandbys, itOutlivesRestarts } from "./outages.js";
import { itMovesIn, itRefusesStrangers, itServesFromReplicas } from "./replicas.js";
import { describeStore } from "./store-contract.js";
import { BACK_TO_VERSION_2, expectMigrated } from "./version-2.js";

const problem = postgresProblem();
if (problem !== undefined) console.warn(`The tests over PostgreSQL are skipped: ${problem}.`);

describe.skipIf(problem !== undefined)("a PostgreSQL server (needs Debian's package)", () => {
  let server: TestPostgres;
  beforeAll(async () => {
    server = await startPostgres();
  });
  afterAll(() => server[Symbol.asyncDispose]());

  describeStore("PostgreSQL", async () => openStore(await server.emptied()));
  it("migrates tables of schema 2: who reported is there, overdue, until the next report or goodbye", async () => {
    const url = await server.emptied();
    await expectMigrated(url, async () => {
      const client = new pg.Client(url);
      await client.connect();
      await client.query("SET search_path = fireflies");
      for (const statement of BACK_TO_VERSION_2) await client.query(statement);
      await client.end();
    });
  });
  itServesFromReplicas(() => server);
  itRefusesStrangers(() => server);
  itMovesIn(() => server);
  itOutlivesRestarts(() => server);
  itNamesStandbys(() => server);
});
