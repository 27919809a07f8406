import type { Duplex } from "node:stream";
import { FirefliesError, type Identity, type MemberCertificate } from "../../identity/index.js";
import {
  type Bound,
  type ByteDuplex,
  type ConnectOptions,
  deadlineIn,
  Protocols,
  pathOf,
  type Session,
  SessionHost,
  type SessionHostOptions,
  type Transport,
} from "../../net/index.js";

export interface ContractSubject {
  /** A transport; those of one test reach each other. */
  readonly create: () => Transport;
  readonly host: string;
}

/** No test waits for it: ten times what a call with megabytes takes on a machine that is busy with others. */
export const TIMEOUT_MS = 50_000;
export const CALL_BYTES_MAX = 4 * 1024 * 1024;
export const DUPLEX_BYTES_MAX = { messages: 4 * 1024 * 1024, stream: 1024 * 1024 } as const;
export type DuplexKind = keyof typeof DUPLEX_BYTES_MAX;

export interface Opened {
  readonly peer: MemberCertificate;
  readonly kind: DuplexKind;
  readonly duplex: ByteDuplex;
}

/** One member of a test: answers with what it got unless told otherwise, and collects duplexes. */
export class Member {
  readonly opened: Opened[] = [];
  readonly protocols = new Protocols();
  readonly host: SessionHost;
  readonly sessions: Session[] = [];
  refusal: string | undefined;
  now = Date.now();
  onCall: (peer: MemberCertificate, body: Uint8Array, signal: AbortSignal) => Promise<Uint8Array> = async (_, body) =>
    body;
  onDuplex = (opened: Opened): void => {
    this.opened.push(opened);
    this.#waiting?.();
  };
  #waiting: (() => void) | undefined;

  constructor(identity: Identity | (() => Identity), more: Partial<SessionHostOptions> = {}) {
    const { protocols } = this;
    const limits = { bytesMax: CALL_BYTES_MAX, openPerPeerMax: 64 };
    for (const id of ["exchange", "probe"]) {
      const onCall = (peer: MemberCertificate, body: Uint8Array, signal: AbortSignal) =>
        this.onCall(peer, body, signal);
      protocols.register({ kind: "call", id, limits, onCall });
    }
    for (const kind of ["messages", "stream"] as const) {
      const bytesMax = DUPLEX_BYTES_MAX[kind];
      const onDuplex = (peer: MemberCertificate, duplex: ByteDuplex) => this.onDuplex({ peer, kind, duplex });
      protocols.register({ kind: "duplex", id: kind, limits: { bytesMax, openPerPeerMax: 64 }, onDuplex });
    }
    this.host = new SessionHost({
      identity: typeof identity === "function" ? identity : () => identity,
      now: () => this.now,
      admit: () => this.refusal,
      protocols,
      ...more,
    });
    this.host.onSession((session) => {
      this.sessions.push(session);
      this.#waiting?.();
    });
  }

  async nextDuplex(): Promise<Opened> {
    while (this.opened.length === 0) await this.#something();
    return this.opened.shift()!;
  }

  async nextSession(): Promise<Session> {
    while (this.sessions.length === 0) await this.#something();
    return this.sessions.shift()!;
  }

  #something(): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting = resolve;
    });
  }
}

export const bytes = (...values: number[]) => Uint8Array.from(values);
export const codeOf = (promise: Promise<unknown>) =>
  promise.then(
    () => "no error",
    (error: unknown) => (error instanceof FirefliesError ? error.code : error),
  );
export const soon = () => ({ deadline: deadlineIn(TIMEOUT_MS) });

/** Resolves, when the duplex has closed, to the codes of its errors. */
export function endOf(duplex: ByteDuplex): Promise<readonly string[]> {
  const codes: string[] = [];
  let closes = 0;
  duplex.on("error", (error: FirefliesError) => codes.push(error.code));
  return new Promise((resolve) => {
    duplex.on("close", () => {
      closes++;
      setImmediate(() => resolve(closes === 1 ? codes : [`closed ${closes} times`]));
    });
  });
}

/** Two members over a transport, bob listening and alice dialling. */
export class Scene {
  readonly #transport: Transport;
  readonly #host: string;
  readonly #open: { close(graceMs: number): unknown }[] = [];
  /** The dialled connections, newest last. */
  readonly connections: Duplex[] = [];

  constructor({ create, host }: ContractSubject) {
    this.#transport = create();
    this.#host = host;
  }

  member(identity: Identity | (() => Identity), more?: Partial<SessionHostOptions>): Member {
    const member = new Member(identity, more);
    this.#open.push(member.host);
    return member;
  }

  async listen(member: Member): Promise<Bound> {
    const bound = await this.#transport.listen({ host: this.#host, port: 0 }, (connection, from) =>
      member.host.accept(connection, from),
    );
    this.#open.push(bound);
    return bound;
  }

  async connect(member: Member, { address }: Bound, more: Partial<ConnectOptions> = {}): Promise<Session> {
    const connection = await this.#transport.dial(address, { signal: new AbortController().signal });
    this.connections.push(connection);
    return await member.host.connect(connection, { path: pathOf("dialled", address), ...soon(), ...more });
  }

  async close(): Promise<void> {
    await Promise.all(this.#open.splice(0).map((each) => each.close(0)));
  }
}
