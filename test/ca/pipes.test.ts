/** Questions to PostgreSQL that share a write. */
import { Writable } from "node:stream";
import type { ClientBase } from "pg";
import { expect, it } from "vitest";
import { gather } from "../../ca/store/database/pipes.js";

it("what is asked in one turn of the event loop goes out in one write, whichever callback asks", async () => {
  const writes: number[] = [];
  const stream = new Writable({
    write: (_chunk, _encoding, done) => done(void writes.push(1)),
    writev: (chunks, done) => done(void writes.push(chunks.length)),
  });
  const client = { connection: { stream } } as unknown as ClientBase;
  const ask = () => {
    gather(client);
    stream.write("question");
  };
  const turn = async () => {
    ask();
    await new Promise<void>((resolve) => process.nextTick(resolve)); // As between two callbacks.
    ask();
    await new Promise<void>((resolve) => process.nextTick(resolve));
    ask();
    await new Promise<void>((resolve) => setImmediate(resolve));
  };
  await turn();
  expect(writes).toEqual([3]);
  await turn();
  expect(writes).toEqual([3, 3]);
});
