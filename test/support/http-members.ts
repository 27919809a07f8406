/** Two members for tests of HTTP between them, and a server of one that the other reaches. */
import { once } from "node:events";
import type { IncomingMessage, RequestListener } from "node:http";
import { createServer } from "node:http";
import { onTestFinished } from "vitest";
import {
  type AttachedHttp,
  type AttachOptions,
  attachHttp,
  type HttpTarget,
  type MemberFetch,
  memberAgent,
  memberFetch,
} from "../../services/http/index.js";
import { OfflineNetwork, type TestClient, until } from "./network.js";

export interface HttpMembers {
  readonly network: OfflineNetwork;
  readonly alice: TestClient;
  readonly bob: TestClient;
}

/** Alice and Bob, by their names. */
export async function httpMembers(): Promise<HttpMembers> {
  const network = await OfflineNetwork.create();
  const alice = await network.start({}, await network.authority.member({ name: "alice" }));
  const entryAddrs = [alice.address];
  const bob = await network.start({ entryAddrs }, await network.authority.member({ name: "bob" }));
  await until(alice, () => alice.ids.includes(bob.id));
  await until(bob, () => bob.ids.includes(alice.id));
  return { network, alice, bob };
}

/** Bob serves it until the test has ended. */
export function served(bob: TestClient, target: HttpTarget, options: AttachOptions = {}): AttachedHttp {
  const attached = attachHttp(bob, target, options);
  onTestFinished(() => attached.close({ drain: 0 }));
  return attached;
}

export const listening = (listener: RequestListener) => createServer(listener);

/** Alice's fetch, whose connections end with the test. */
export function fetching(alice: TestClient): MemberFetch {
  const agent = memberAgent(alice);
  onTestFinished(() => agent.destroy());
  return memberFetch(alice, { agent });
}

/** All that a request or an answer brings. */
export async function bodyOf(message: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  message.on("data", (chunk: Buffer) => chunks.push(chunk));
  await once(message, "end");
  return Buffer.concat(chunks);
}

/** What a fetch failed with: its message, and the code of its cause. */
export async function failureOf(answer: Promise<unknown>): Promise<string> {
  return await answer.then(
    () => "none",
    (error: Error) => `${error.message}: ${(error.cause as { code?: string } | undefined)?.code}`,
  );
}
