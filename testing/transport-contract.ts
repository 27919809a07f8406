/** What every transport promises (net/transports/transport.ts), as one suite that runs over each of them. */
import { BYTES } from "./contract/bytes.js";
import { DIALLING, failing } from "./contract/dialling.js";
import { ENDS } from "./contract/ends.js";
import type { Promised } from "./contract/promised.js";
import { Scene } from "./contract/scene.js";
import type { ContractOptions, ContractRunner, TransportSubject } from "./contract/subject.js";

/** Of the large transfer in the short form. */
const BYTES_DEFAULT = 32 * 1024 * 1024;
/** Connections one after another in the short form. */
const LIVES_DEFAULT = 200;
/** Far above what a test of the short form takes, milliseconds. */
const TIMEOUT_MS = 20_000;

/** One promise of the contract as a test: runs by itself, closes what it opens, and rejects with an AssertionError. */
export interface ContractTest {
  readonly title: string;
  readonly run: () => Promise<void>;
}

/** The contract as a list, for any runner: dial, listen, bytes, half-close, back-pressure, cuts, errors and handles. */
export function transportPromises(
  subject: TransportSubject,
  { bytes = BYTES_DEFAULT, lives = LIVES_DEFAULT }: ContractOptions = {},
): ContractTest[] {
  const asked = ({ needs, needsPorts }: Promised) =>
    (needs === undefined || subject[needs] !== undefined) && !(needsPorts && subject.hasPorts === false);
  return [...DIALLING, ...failing(subject), ...BYTES, ...ENDS].filter(asked).map(({ title, run }) => ({
    title,
    run: async () => {
      const scene = await Scene.of(subject, { bytes, lives });
      try {
        await run(scene);
      } finally {
        await scene.close();
      }
    },
  }));
}

/**
 * Defines the contract's tests for a transport: `transportContract("TCP", { create: tcpTransport, host: "127.0.0.1" },
 * { describe, test })`, with `describe` and `test` of vitest or node:test. The tests count handles of their process, so
 * nothing else should open or close any meanwhile.
 */
export function transportContract(
  title: string,
  subject: TransportSubject,
  { describe, test }: ContractRunner,
  options: ContractOptions = {},
): void {
  const timeout = options.timeoutMs ?? TIMEOUT_MS;
  describe(`${title} keeps the transport's contract`, () => {
    for (const { title: promise, run } of transportPromises(subject, options)) test(promise, { timeout }, run);
  });
}
