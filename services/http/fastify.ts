/** A plugin of fastify that serves its routes to members, knows who calls, and calls other members. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import type { Member } from "../../client/types.js";
import { FirefliesError, wrongType } from "../../identity/index.js";
import type { MemberClient } from "../member-client.js";
import { attachHttp } from "./attach.js";
import type { MemberAgentOptions } from "./calling/agent.js";
import { type MemberFetch, memberFetch } from "./calling/fetch.js";
import type { AttachedHttp } from "./serving/attached.js";
import { memberOf } from "./serving/callers.js";
import type { AttachOptions } from "./serving/options.js";

declare module "fastify" {
  interface FastifyRequest {
    /** The member that sent it. With `others: true` it is undefined for callers that are none, whatever the type says. */
    member: Member;
  }
  interface FastifyInstance {
    /** A `fetch` to members. */
    readonly memberFetch: MemberFetch;
    /** The instance as members reach it. */
    readonly membersHttp: AttachedHttp;
  }
}

export interface FastifyMembersOptions extends AttachOptions {
  readonly client: MemberClient;
  /** Of `memberFetch`. */
  readonly calling?: MemberAgentOptions | undefined;
  /** Are callers by a port of the instance's own served, who are no members? They get status 403, unless this is true. */
  readonly others?: boolean | undefined;
}

/**
 * `await app.register(fastifyMembers, { client })`: members reach the instance, `request.member` is the one that calls, and
 * `app.memberFetch` calls others. Who comes by a port and is no member gets status 403. It is for all routes, those of other
 * plugins as well. `app.close()` drains the members' connections.
 */
export async function fastifyMembers(app: FastifyInstance, options: FastifyMembersOptions): Promise<void> {
  const { client, calling, others = false, ...attaching } = options;
  if (client === undefined) throw wrongType("fastifyMembers takes the option client.");
  const attached = attachHttp(client, app, attaching);
  app.decorateRequest("member", undefined as unknown as Member);
  app.decorate("memberFetch", memberFetch(client, calling));
  app.decorate("membersHttp", attached);
  app.addHook("onRequest", async (request: FastifyRequest, reply: FastifyReply) => {
    const member = memberOf(request.raw);
    if (member !== undefined) request.member = member;
    else if (!others) return reply.code(403).send(refusal());
  });
  app.addHook("preClose", async () => await attached.close());
}

/** As fastify-plugin sets it: hooks and decorators are those of the instance, and not of a scope of its own. */
Object.assign(fastifyMembers, {
  [Symbol.for("skip-override")]: true,
  [Symbol.for("fastify.display-name")]: "fireflies",
});

function refusal(): { readonly code: string; readonly message: string } {
  const { code, message } = new FirefliesError("peer-refused", "Members of the network alone are served here.");
  return { code, message };
}
