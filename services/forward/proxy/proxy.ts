/** A proxy for local programs: SOCKS 5 and HTTP CONNECT on one port, where the host name chooses the member. */
import { timingSafeEqual } from "node:crypto";
import type { Socket } from "node:net";
import { FirefliesError } from "../../../identity/index.js";
import type { MemberClient } from "../../member-client.js";
import { resetSocket } from "../carrying/conduit.js";
import { Door } from "../carrying/door.js";
import { CREDENTIAL_BYTES_MAX } from "../carrying/limits.js";
import { openToAny } from "../carrying/outgoing.js";
import type { Listener } from "../carrying/running.js";
import { type ProxyPlan, type ProxySettings, planProxy } from "../carrying/settings.js";
import { destinationOf } from "./destinations.js";
import { readStep } from "./greeting.js";
import { CONNECTED, type ConnectRequest, encodeAnswer, parseConnect } from "./http-connect.js";
import {
  type Credentials,
  chooseMethod,
  encodeAuthReply,
  encodeReply,
  type Parsed,
  parseCredentials,
  parseGreeting,
  parseRequest,
  SOCKS_VERSION,
  type SocksReply,
} from "./socks.js";

/** Milliseconds for a program to say where it wants to go. */
const GREETING_MS = 10_000;

/** What a program wants, and how it is answered. */
interface Wish {
  readonly host: string;
  readonly port: number;
  readonly connected: Uint8Array;
  readonly refused: (problem: FirefliesError) => Uint8Array;
}

/**
 * Serves SOCKS 5 (RFC 1928, CONNECT; user name and password by RFC 1929 when they are set) and HTTP CONNECT:
 * `proxy(client, { listen: "127.0.0.1:1080" })`. "bob.fireflies" is member bob, "ID.fireflies" the member with this id,
 * "inventory.fireflies" any member that offers this service; port 8000 asks it for the protocol "/tcp/8000", or for what `ports`
 * says. Other hosts are refused. Rejects with "address-in-use", "address-invalid", "access-invalid", and a RangeError for a number.
 */
export async function proxy(client: MemberClient, settings: ProxySettings): Promise<Listener> {
  const plan = planProxy(settings);
  let turn = 0;
  const door = new Door(client, plan, async (socket) => {
    const wish = await wishOf(socket, plan);
    if (wish instanceof Denied) {
      door.refuse(socket, wish.problem, wish.words);
      return;
    }
    const destination = destinationOf(client, wish, plan.ports, turn++);
    try {
      if (typeof destination === "string") throw nowhere(destination, wish.host);
      const stream = await openToAny(door, destination.protocol, destination.members);
      socket.write(wish.connected);
      door.carry(socket, stream);
    } catch (cause) {
      const problem = cause instanceof FirefliesError ? cause : new FirefliesError("peer-unreachable");
      door.refuse(socket, problem, wish.refused(problem));
    }
  });
  await door.bind();
  return door;
}

/** No wish that can be granted, whoever it leads to; and what the program is told. */
class Denied {
  readonly problem: FirefliesError;
  readonly words: Uint8Array;

  constructor(
    words: Uint8Array,
    problem = new FirefliesError("unauthenticated", "The proxy wants a user name and a password."),
  ) {
    this.words = words;
    this.problem = problem;
  }
}

/** Rejects for what is neither SOCKS nor HTTP. */
async function wishOf(socket: Socket, plan: ProxyPlan): Promise<Wish | Denied> {
  const timer = setTimeout(() => resetSocket(socket), GREETING_MS);
  try {
    const first = await step(socket, firstByte);
    return first === SOCKS_VERSION ? await socksWish(socket, plan) : await httpWish(socket, plan);
  } finally {
    clearTimeout(timer);
  }
}

async function socksWish(socket: Socket, { credentials }: ProxyPlan): Promise<Wish | Denied> {
  const { isOffered, words } = chooseMethod(await step(socket, parseGreeting), credentials !== undefined);
  if (!isOffered) return new Denied(words);
  socket.write(words);
  if (credentials !== undefined) {
    if (!matches(await step(socket, parseCredentials), credentials)) return new Denied(encodeAuthReply(false));
    socket.write(encodeAuthReply(true));
  }
  const { command, host, port } = await step(socket, parseRequest);
  if (command === "other") {
    return new Denied(
      encodeReply("command-unsupported"),
      new FirefliesError("request-invalid", "The proxy takes CONNECT alone."),
    );
  }
  return { host, port, connected: encodeReply("succeeded"), refused: (problem) => encodeReply(replyFor(problem)) };
}

async function httpWish(socket: Socket, { credentials }: ProxyPlan): Promise<Wish | Denied> {
  const request = await step(socket, parseConnect);
  const wrong = httpProblem(request, credentials);
  if (wrong !== undefined) return wrong;
  const { host, port } = request;
  return { host, port, connected: CONNECTED, refused: (problem) => encodeAnswer(statusFor(problem), problem.message) };
}

function httpProblem({ method, credentials }: ConnectRequest, wanted: Credentials | undefined): Denied | undefined {
  if (wanted !== undefined && (credentials === undefined || !matches(credentials, wanted))) {
    const fields = ['proxy-authenticate: Basic realm="fireflies"'];
    return new Denied(
      encodeAnswer("407 Proxy Authentication Required", "The proxy wants a user name and a password.", fields),
    );
  }
  if (method === "CONNECT") return undefined;
  const words = encodeAnswer("405 Method Not Allowed", "This proxy takes CONNECT alone: curl -p, or socks5h://.", [
    "allow: CONNECT",
  ]);
  return new Denied(words, new FirefliesError("request-invalid", "The proxy takes CONNECT alone."));
}

async function step<T>(socket: Socket, parse: (bytes: Uint8Array) => Parsed<T>): Promise<T> {
  const value = await readStep(socket, parse);
  if (value === undefined) throw new FirefliesError("request-invalid", "That is neither SOCKS 5 nor HTTP CONNECT.");
  return value;
}

/** Looked at, and left there. */
function firstByte(bytes: Uint8Array): Parsed<number> {
  const [first] = bytes;
  return first === undefined ? { kind: "more" } : { kind: "found", value: first, length: 0 };
}

/** In constant time, whatever the lengths: both are filled up to more than what is wanted may have. */
function matches(given: Credentials, wanted: Credentials): boolean {
  const field = (text: string) => {
    const filled = Buffer.alloc(2 * (CREDENTIAL_BYTES_MAX + 1));
    filled.writeUInt16BE(Buffer.byteLength(text) & 0xffff, 0);
    filled.write(text, 2);
    return filled;
  };
  const [user, password] = [
    timingSafeEqual(field(given.user), field(wanted.user)),
    timingSafeEqual(field(given.password), field(wanted.password)),
  ];
  return user && password;
}

function nowhere(why: "foreign" | "unknown", host: string): FirefliesError {
  const shown = JSON.stringify(host.slice(0, 100));
  if (why === "unknown")
    return new FirefliesError("peer-unknown", `${shown} is no live member, and no service that one offers.`);
  return new FirefliesError(
    "address-forbidden",
    `${shown} is no host of the network: the proxy leads to *.fireflies alone.`,
  );
}

/** The member is not there, or leaves. */
const AWAY: readonly string[] = ["peer-unknown", "peer-unreachable", "peer-removed", "member-stopping", "link-closed"];

function replyFor({ code }: FirefliesError): SocksReply {
  if (code === "address-forbidden" || code === "peer-refused") return "not-allowed";
  if (code === "handler-missing" || code === "target-unreachable") return "connection-refused";
  if (code === "timeout" || code === "cancelled") return "ttl-expired";
  return AWAY.includes(code) ? "host-unreachable" : "failure";
}

function statusFor({ code }: FirefliesError): string {
  if (code === "address-forbidden" || code === "peer-refused") return "403 Forbidden";
  if (code === "overloaded") return "503 Service Unavailable";
  return code === "timeout" || code === "cancelled" ? "504 Gateway Timeout" : "502 Bad Gateway";
}
