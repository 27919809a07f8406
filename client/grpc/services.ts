/**
 * gRPC services of programs, by grpc-js: those that this member serves to the members of its view, and stubs of theirs.
 * Their connections run over the sessions that are there (byte-stream.ts), so who calls is proven already.
 */
import type { Client as GrpcClient, ServiceDefinition, UntypedServiceImplementation } from "@grpc/grpc-js";
import { FirefliesError, type MemberCertificate, wrongType } from "../../identity/index.js";
import { Budget, type ByteDuplex, type Session } from "../../net/index.js";
import type { MemberId } from "../../rings/index.js";
import type { HandlerFailures } from "../handler-failures.js";
import type { Announced } from "../offers/announced.js";
import { isName } from "../offers/name.js";
import type { Following } from "../traffic/following.js";
import type { Member, Sender } from "../types.js";
import { Calling, type StubClass } from "./calling.js";
import { CallCount, type RpcTraffic, serviceIn } from "./counting.js";
import { Decoy } from "./decoy.js";
import { Health } from "./health.js";
import { SERVICE_MEMORY_MAX } from "./limits.js";
import { loadGrpc } from "./load.js";
import { Reflection } from "./reflection.js";
import { type Service, Serving } from "./serving.js";

export interface ServicesOptions {
  /** A session with a live member, dialled if need be. Rejects with a FirefliesError, "peer-unknown" among them. */
  readonly reach: (id: MemberId, signal?: AbortSignal) => Promise<Session>;
  readonly sender: (id: MemberId) => Sender;
  readonly member: (id: MemberId) => Member | undefined;
  readonly failures: Pick<HandlerFailures, "answer">;
  readonly announced: Pick<Announced, "add">;
  readonly traffic: RpcTraffic;
  readonly following: Following;
}

export class Services {
  readonly #options: ServicesOptions;
  readonly #services: Service[] = [];
  readonly #health = new Health();
  readonly #reflection = new Reflection(() => this.#names);
  /** Connections that other members made, each with its server once grpc-js is loaded. */
  readonly #served = new Map<ByteDuplex, { readonly id: MemberId; serving?: Serving }>();
  readonly #callings = new Map<MemberId, Calling>();
  readonly #decoy = new Decoy();
  readonly #budget = new Budget(SERVICE_MEMORY_MAX);
  #ended: FirefliesError | undefined;

  constructor(options: ServicesOptions) {
    this.#options = options;
  }

  /** A call of this member's. */
  #begin(path: string, member: MemberId): CallCount {
    const { traffic, following } = this.#options;
    const about = { side: "asks", name: path, member, bytes: undefined, context: undefined } as const;
    return new CallCount(traffic.asked.own(serviceIn(path)), following.follow && following.begin("rpc", about));
  }

  /** Full names, as grpc-js has them in paths: "/package.Service/Method". */
  get #names(): string[] {
    return [...new Set(this.#all.flatMap(({ definition }) => namesOf(definition)))].sort();
  }

  /** Those of the program, and health and reflection where it has none of its own. */
  get #all(): Service[] {
    const taken = new Set(this.#services.flatMap(({ definition }) => namesOf(definition)));
    const own = [this.#health.service, ...this.#reflection.services];
    return [...this.#services, ...own.filter(({ definition }) => !namesOf(definition).some((name) => taken.has(name)))];
  }

  /** Says to those that ask for its health whether a service takes calls; the empty name is the whole member. */
  setServing(service: string, isServing: boolean): void {
    this.#health.set(service, isServing);
  }

  /**
   * Throws "names-too-large", and a TypeError for a definition without methods, for a method that is served already, and for
   * descriptors that are none.
   */
  add(definition: ServiceDefinition, implementation: UntypedServiceImplementation, descriptors?: Uint8Array): void {
    const paths = Object.values(definition).map(({ path }) => path);
    const known = new Set(
      this.#services.flatMap((service) => Object.values(service.definition).map(({ path }) => path)),
    );
    const double = paths.find((path, index) => known.has(path) || paths.indexOf(path) !== index);
    if (paths.length === 0) throw wrongType("A service needs at least one method.");
    if (double !== undefined) throw wrongType(`The method ${double} is served already.`);
    this.#reflection.add(definition, descriptors);
    for (const name of namesOf(definition)) {
      this.#options.traffic.answered.own(name);
      if (isName(name)) this.#options.announced.add(name);
      this.#health.add(name);
    }
    const service = { definition, implementation };
    this.#services.push(service);
    for (const { serving } of this.#served.values()) serving?.add(service);
    void loadGrpc(); // The first caller waits less.
  }

  /** A connection that a member of the view has opened. */
  accept(peer: MemberCertificate, duplex: ByteDuplex): void {
    if (this.#ended) duplex.destroy(this.#ended);
    else if (this.#services.length === 0) duplex.destroy(new FirefliesError("handler-missing"));
    else void this.#serve(peer, duplex);
  }

  /** Rejects as `reach` does. */
  async stub<Stub extends GrpcClient>(id: MemberId, Class: StubClass<Stub>, signal?: AbortSignal): Promise<Stub> {
    const { reach } = this.#options;
    const [grpc, port] = await Promise.all([loadGrpc(), this.#decoy.port()]);
    await reach(id, signal);
    if (this.#ended) throw this.#ended;
    const calling =
      this.#callings.get(id) ??
      new Calling({ grpc, id, port, reach: () => reach(id), begin: (path) => this.#begin(path, id) });
    this.#callings.set(id, calling);
    return calling.stub(Class);
  }

  /** Ends all calls with a member: it has left the view. */
  endAll(id: MemberId, error: FirefliesError): void {
    for (const [duplex, served] of this.#served) if (served.id === id) duplex.destroy(error);
    this.#callings.get(id)?.end(error);
    this.#callings.delete(id);
  }

  /** Is a connection open with this member, either way? */
  isOpenWith(id: MemberId): boolean {
    const isCalled = this.#callings.get(id)?.isOpen === true;
    return isCalled || [...this.#served.values()].some((served) => served.id === id);
  }

  /** Takes no new call of others. Resolves when those that run here have ended. */
  async drain(): Promise<void> {
    this.#ended = new FirefliesError("member-stopping");
    this.#health.drain();
    this.#reflection.drain();
    await Promise.all([...this.#served.values()].map(({ serving }) => serving?.drain()));
  }

  /** Ends what runs after `drain` with UNAVAILABLE. How many calls of others that cuts. */
  cut(): number {
    const error = new FirefliesError("member-stopping");
    return [...this.#served.values()].reduce((calls, { serving }) => calls + (serving?.cut(error) ?? 0), 0);
  }

  close(error: FirefliesError): void {
    this.#ended = error;
    for (const duplex of this.#served.keys()) duplex.destroy(error);
    for (const id of [...this.#callings.keys()]) this.endAll(id, error);
    this.#decoy.close();
  }

  async #serve(peer: MemberCertificate, duplex: ByteDuplex): Promise<void> {
    const served: { readonly id: MemberId; serving?: Serving } = { id: peer.id };
    this.#served.set(duplex, served);
    duplex.once("close", () => this.#served.delete(duplex));
    try {
      const grpc = await loadGrpc();
      if (this.#ended) duplex.destroy(this.#ended);
      if (duplex.destroyed) return;
      const [services, budget] = [this.#all, this.#budget];
      const { failures, sender, member, traffic, following } = this.#options;
      for (const name of this.#names) traffic.answered.own(name);
      served.serving = new Serving({
        ...{ grpc, peer, duplex, services, budget, failures, tallies: traffic.answered, following },
        ...{ sender: () => sender(peer.id), member: () => member(peer.id) },
      });
    } catch {
      duplex.destroy(new FirefliesError("handler-failed"));
    }
  }
}

function namesOf(definition: ServiceDefinition): string[] {
  return [...new Set(Object.values(definition).map(({ path }) => serviceIn(path)))];
}
