/** A plugin of fastify: members reach its routes, it knows who calls, calls others, and may begin and end with the instance. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import type { Client } from "../../client/client.js";
import type { Member } from "../../client/types.js";
import { FirefliesError, wrongType } from "../../identity/index.js";
import { readinessOf } from "../../ops/health/readiness.js";
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
    /** This member: `request.server.fireflies` in a handler. */
    readonly fireflies: Client;
    /** A `fetch` to members. */
    readonly memberFetch: MemberFetch;
    /** The instance as members reach it. */
    readonly membersHttp: AttachedHttp;
  }
}

export interface FastifyMembersOptions extends AttachOptions {
  readonly client: Client;
  /**
   * The client starts when the instance gets ready, after its plugins have registered what they handle, and stops when the
   * instance closes: requests finish first, then what others sent. Give it one that has not started. False by default: the
   * program starts and stops it.
   */
  readonly lifecycle?: boolean | undefined;
  /** Of `Client.stop`, with `lifecycle`: milliseconds. */
  readonly drain?: number | undefined;
  /**
   * The path of a route that says whether the member may be given work, to everybody: status 200 or 503, and the reasons as
   * `readinessOf` has them. None by default.
   */
  readonly health?: string | undefined;
  /** Of `memberFetch`. */
  readonly calling?: MemberAgentOptions | undefined;
  /** Are callers by a port of the instance's own served, who are no members? They get status 403, unless this is true. */
  readonly others?: boolean | undefined;
}

/**
 * `await app.register(fastifyMembers, { client })`: members reach the instance, `request.member` is the one that calls,
 * `app.memberFetch` calls others, and `request.server.fireflies` is the client. Who comes by a port and is no member gets status
 * 403. It is for all routes, those of other plugins as well. `app.close()` drains the members' connections.
 */
export async function fastifyMembers(app: FastifyInstance, options: FastifyMembersOptions): Promise<void> {
  const { client, calling, others = false, lifecycle = false, drain, health, ...attaching } = options;
  if (client === undefined) throw wrongType("fastifyMembers takes the option client.");
  const attached = attachHttp(client, app, attaching);
  app.decorateRequest("member", undefined as unknown as Member);
  app.decorate("fireflies", client);
  app.decorate("memberFetch", memberFetch(client, calling));
  app.decorate("membersHttp", attached);
  app.addHook("onRequest", async (request: FastifyRequest, reply: FastifyReply) => {
    const member = memberOf(request.raw);
    if (member !== undefined) request.member = member;
    else if (!others && (health === undefined || request.routeOptions.url !== health))
      return reply.code(403).send(refusal());
  });
  if (health !== undefined) addHealth(app, client, health);
  if (lifecycle) app.addHook("onReady", async () => await client.start());
  app.addHook("preClose", async () => await attached.close());
  if (lifecycle) app.addHook("onClose", async () => await client.stop(drain === undefined ? {} : { drain }));
}

function addHealth(app: FastifyInstance, client: Client, path: string): void {
  app.get(path, async (_, reply) => {
    const found = readinessOf(client);
    return await reply
      .code(found.ok ? 200 : 503)
      .header("cache-control", "no-store")
      .send(found);
  });
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
