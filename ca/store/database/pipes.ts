/**
 * Few connections to PostgreSQL for many questions: each is sent at once, behind those that still wait for their answers, and
 * what one turn of the event loop asks goes out in one write. A question that costs the server microseconds else costs a
 * write and a wake-up on both sides.
 */
import type { Client, ClientBase, Pool, PoolClient, QueryConfig, QueryResult } from "pg";
import type { Row } from "./sql.js";

interface Pipe {
  readonly client: Promise<PoolClient>;
  /** Questions without an answer yet. */
  waiting: number;
}

export class Pipes {
  readonly #pool: Pool;
  readonly #max: number;
  readonly #open = new Set<Pipe>();

  /** Takes at most `max` connections of the pool, whose clients must pipeline, and gives them back when it is closed. */
  constructor(pool: Pool, max: number) {
    this.#pool = pool;
    this.#max = max;
  }

  async query(question: QueryConfig): Promise<QueryResult<Row>> {
    const pipe = this.#leastBusy();
    pipe.waiting += 1;
    try {
      const client = await pipe.client;
      gather(client);
      return await client.query<Row>(question);
    } finally {
      pipe.waiting -= 1;
    }
  }

  /** Ends each connection; questions under way are answered first, or rejected by their own deadline. */
  async close(): Promise<void> {
    const open = [...this.#open];
    this.#open.clear();
    await Promise.all(open.map(({ client }) => client.then((each) => each.release(true)).catch(() => {})));
  }

  #leastBusy(): Pipe {
    let least: Pipe | undefined;
    for (const pipe of this.#open) if (least === undefined || pipe.waiting < least.waiting) least = pipe;
    return least === undefined || (least.waiting > 0 && this.#open.size < this.#max) ? this.#opened() : least;
  }

  #opened(): Pipe {
    const pipe: Pipe = { client: this.#pool.connect(), waiting: 0 };
    this.#open.add(pipe);
    const forget = () => this.#open.delete(pipe);
    pipe.client.then((client) => {
      // A lost connection rejects what it was asked; the next question gets another one.
      const lost = () => {
        if (forget()) client.release(true);
      };
      client.once("error", lost);
      client.once("end", lost);
    }, forget);
    return pipe;
  }
}

/**
 * What is sent until this turn of the event loop is over goes out together: also what several callers ask whose requests
 * have arrived in it, each in a callback of its own.
 */
export function gather(client: ClientBase): void {
  const { stream } = (client as Client).connection;
  if (stream.writableCorked > 0) return;
  stream.cork();
  setImmediate(() => stream.uncork());
}
