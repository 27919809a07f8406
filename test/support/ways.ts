/** Several sessions from one member to another, as paths that come up one after the other, over real sockets and TLS. */
import { onTestFinished } from "vitest";
import { deadlineIn, formatAddress, type Protocols, type Session } from "../../net/index.js";
import type { MemberId } from "../../rings/index.js";
import { loneStack } from "./lone-stack.js";
import { TestNetwork } from "./test-network.js";

export interface Ways {
  readonly to: MemberId;
  /** The session that is the best one now. */
  readonly best: () => Session;
  /** Another one is better from now on. */
  readonly supersede: (index: number) => void;
  /** How much is open on each of them. */
  readonly open: () => number[];
}

/** Both ends speak `protocols`. Closed when the test ends. */
export async function severalWays(count: number, protocols: Protocols): Promise<Ways> {
  const network = await TestNetwork.create();
  const [alice, bob] = [await network.member(), await network.member()];
  const called = loneStack(bob, { protocols });
  const { address } = await called.listen({ host: "127.0.0.1", port: 0 });
  const stacks = Array.from({ length: count }, () => loneStack(alice, { protocols }));
  onTestFinished(async () => void (await Promise.all([called, ...stacks].map((stack) => stack.close(0)))));
  const ways: Session[] = [];
  for (const { links } of stacks)
    ways.push(await links.reach({ addresses: [formatAddress(address)] }, { deadline: deadlineIn(5_000) }));
  let best = 0;
  const supersede = (index: number) => {
    const before = ways[best]!;
    best = index;
    before.supersede();
  };
  return { to: bob.certificate.id, best: () => ways[best]!, supersede, open: () => ways.map(({ active }) => active) };
}
