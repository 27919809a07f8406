/** The child processes of a search, one for each core. Each plays a few seeds at a time; a free one takes the next. */
import { type ChildProcess, fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import type { Finding, Tried } from "../../sim/index.js";
import { placeOf } from "../place.js";
import type { Order, Report } from "./search-worker.js";

const WORKER = fileURLToPath(placeOf("sim/search-worker.js"));
/** So few that no core waits long for another at a generation's end. */
const SEEDS_AT_ONCE = 5;

export interface Played {
  /** By seed. */
  readonly tried: readonly Tried[];
  readonly threw: Report["threw"];
  readonly coreMs: number;
}

export class Crew {
  readonly #children: readonly ChildProcess[];

  private constructor(children: readonly ChildProcess[]) {
    this.#children = children;
  }

  /** `entry`: the address of the simulator's module; undefined for our own. */
  static async start(cores: number, entry: string | undefined): Promise<Crew> {
    const args = entry === undefined ? [] : [entry];
    const children = Array.from({ length: cores }, () => fork(WORKER, args, { execArgv: [] }));
    await Promise.all(children.map(answerOf));
    return new Crew(children);
  }

  async play(seeds: readonly number[], population: readonly Tried[]): Promise<Played> {
    const left = [...seeds];
    const reports: Report[] = [];
    const work = async (child: ChildProcess) => {
      child.send({ kind: "population", population } satisfies Order);
      while (left.length > 0) reports.push(await ask(child, { kind: "try", seeds: left.splice(0, SEEDS_AT_ONCE) }));
    };
    await Promise.all(this.#children.map(work));
    return {
      tried: reports.flatMap(({ tried }) => tried).sort((a, b) => a.seed - b.seed),
      threw: reports.flatMap(({ threw }) => threw).sort((a, b) => a.seed - b.seed),
      coreMs: reports.reduce((sum, { coreMs }) => sum + coreMs, 0),
    };
  }

  async shrink(tried: Tried): Promise<{ readonly finding: Finding; readonly coreMs: number }> {
    const { finding, coreMs } = await ask(this.#children[0]!, { kind: "shrink", tried });
    if (!finding) throw new Error("a child of the search answered something else");
    return { finding, coreMs };
  }

  stop(): void {
    for (const child of this.#children) child.kill();
  }
}

async function ask(child: ChildProcess, order: Order): Promise<Report> {
  const answer = answerOf(child);
  child.send(order);
  return (await answer) as Report;
}

function answerOf(child: ChildProcess): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const ended = (code: number | null) => reject(new Error(`a process of the search ended (exit ${code})`));
    child.once("exit", ended);
    child.once("message", (message) => {
      child.off("exit", ended);
      resolve(message);
    });
  });
}
