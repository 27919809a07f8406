/** The store's contract over a real PostgreSQL server that this file starts. */
import { afterAll, beforeAll, describe } from "vitest";
import { openStore } from "../../ca/store/open.js";
import { postgresProblem, startPostgres, type TestPostgres } from "../support/postgres.js";
import { itMovesIn, itRefusesStrangers, itServesFromReplicas } from "./replicas.js";
import { describeStore } from "./store-contract.js";

const problem = postgresProblem();
if (problem !== undefined) console.warn(`The tests over PostgreSQL are skipped: ${problem}.`);

describe.skipIf(problem !== undefined)("a PostgreSQL server (needs Debian's package)", () => {
  let server: TestPostgres;
  beforeAll(async () => {
    server = await startPostgres();
  });
  afterAll(() => server[Symbol.asyncDispose]());

  describeStore("PostgreSQL", async () => openStore(await server.emptied()));
  itServesFromReplicas(() => server);
  itRefusesStrangers(() => server);
  itMovesIn(() => server);
});
