/** Calls about the members of the agent: which there are, one more, one less. */
import type { FastifyInstance } from "fastify";
import type { MountWish } from "../host.js";
import type { AppParts } from "../parts.js";
import { addCall, type CallSpec } from "./calling.js";
import { ANY_LIST, ANY_OBJECT, DRAIN_BODY, IDENTITY_BODY } from "./schemas.js";

/** A first start may enrol, and waits for an authority that is away. */
const MOUNT_MS = 120_000;
/** Leaving tells the others, after what is open has ended. */
const UNMOUNT_MS = 30_000;

export function addIdentityCalls(app: FastifyInstance, parts: AppParts): void {
  const list: CallSpec = {
    method: "GET",
    path: "/v1/identities",
    summary: "The members of the agent, its own first.",
    answer: ANY_LIST,
  };
  addCall(app, parts, list, () => parts.host.members());
  const add: CallSpec = {
    method: "POST",
    path: "/v1/identities",
    summary: "Mounts a member from its directory; answers when it is in.",
    body: IDENTITY_BODY,
    answer: ANY_OBJECT,
    deadlineMs: () => MOUNT_MS,
  };
  addCall(app, parts, add, ({ body }) => parts.host.mount(body as unknown as MountWish));
  const remove: CallSpec = {
    method: "DELETE",
    path: "/v1/identities/:as",
    summary: "Has a member of the agent leave its network; the agent goes on.",
    body: DRAIN_BODY,
    answer: ANY_OBJECT,
    deadlineMs: ({ drainMs }) => Number(drainMs ?? 0) + UNMOUNT_MS,
  };
  addCall(app, parts, remove, async ({ params, body }) => {
    await parts.host.unmount(params.as ?? "", Number(body.drainMs ?? 0));
    return { removed: params.as };
  });
}
