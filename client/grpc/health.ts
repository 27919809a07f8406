/**
 * grpc.health.v1.Health, by which balancers and probes ask whether a server, and each of its services, takes calls
 * (https://github.com/grpc/grpc/blob/master/doc/health-checking.md). It comes with the first service of a program.
 */
import { BinaryReader, BinaryWriter } from "@bufbuild/protobuf/wire";
import type { MethodDefinition, ServerUnaryCall, ServerWritableStream, sendUnaryData } from "@grpc/grpc-js";
import type { Service } from "./serving.js";

/** Of the enum ServingStatus. */
const SERVING = 1;
const NOT_SERVING = 2;
const SERVICE_UNKNOWN = 3;
/** Of gRPC. */
const NOT_FOUND = 5;
const RESOURCE_EXHAUSTED = 8;
/** Watchers at once, of all members: each is a call that stays open. */
const WATCHERS_MAX = 1_024;

type Status = typeof SERVING | typeof NOT_SERVING | typeof SERVICE_UNKNOWN;
/** An object: grpc-js takes a request that is false in a condition for none. */
interface Asked {
  readonly service: string;
}
type Watch = ServerWritableStream<Asked, Status>;

export class Health {
  /** By a service's full name; the empty one is the member as a whole. */
  readonly #statuses = new Map<string, Status>([["", SERVING]]);
  readonly #watchers = new Map<Watch, string>();
  #isDraining = false;

  /** As one that takes calls, unless the program has said otherwise. */
  add(service: string): void {
    if (!this.#statuses.has(service)) this.set(service, true);
  }

  set(service: string, isServing: boolean): void {
    this.#statuses.set(service, isServing ? SERVING : NOT_SERVING);
    for (const [call, name] of this.#watchers) if (name === service) call.write(this.#statusOf(name));
  }

  /** Nothing takes calls any more; watchers are told, and their calls end. */
  drain(): void {
    this.#isDraining = true;
    for (const [call, name] of this.#watchers) {
      call.write(this.#statusOf(name));
      call.end();
    }
    this.#watchers.clear();
  }

  readonly service: Service = {
    definition: {
      Check: method("Check", false, readAsked, writeStatus),
      Watch: method("Watch", true, readAsked, writeStatus),
      List: method("List", false, readAsked, writeStatuses),
    },
    implementation: {
      Check: (call: ServerUnaryCall<Asked, Status>, done: sendUnaryData<Status>) => {
        const status = this.#statusOf(call.request.service);
        if (status === SERVICE_UNKNOWN) done({ code: NOT_FOUND, details: "There is no such service here." });
        else done(null, status);
      },
      Watch: (call: Watch) => this.#watch(call),
      List: (_call: unknown, done: sendUnaryData<ReadonlyMap<string, Status>>) => {
        done(null, new Map([...this.#statuses.keys()].map((name) => [name, this.#statusOf(name)])));
      },
    },
  };

  #watch(call: Watch): void {
    if (this.#watchers.size >= WATCHERS_MAX) {
      call.emit("error", { code: RESOURCE_EXHAUSTED, details: "Too many calls watch here." });
      return;
    }
    call.write(this.#statusOf(call.request.service));
    if (this.#isDraining) {
      call.end();
      return;
    }
    this.#watchers.set(call, call.request.service);
    for (const event of ["cancelled", "close"]) call.once(event, () => this.#watchers.delete(call));
  }

  #statusOf(service: string): Status {
    const status = this.#statuses.get(service) ?? SERVICE_UNKNOWN;
    return this.#isDraining && status === SERVING ? NOT_SERVING : status;
  }
}

function method<Answer>(
  name: string,
  responseStream: boolean,
  requestDeserialize: (bytes: Buffer) => Asked,
  responseSerialize: (answer: Answer) => Buffer,
): MethodDefinition<Asked, Answer> {
  const unused = () => {
    throw new Error("Only a server has this definition.");
  };
  return {
    ...{ path: `/grpc.health.v1.Health/${name}`, requestStream: false, responseStream },
    ...{ requestSerialize: unused, requestDeserialize, responseSerialize, responseDeserialize: unused },
  };
}

/** HealthCheckRequest: `string service = 1`. Throws for what is none. */
function readAsked(bytes: Buffer): Asked {
  const reader = new BinaryReader(bytes);
  let service = "";
  while (reader.pos < reader.len) {
    const [field, type] = reader.tag();
    if (field === 1) service = reader.string();
    else reader.skip(type, field);
  }
  return { service };
}

/** HealthCheckResponse: `ServingStatus status = 1`. */
function writeStatus(status: Status): Buffer {
  return Buffer.from(new BinaryWriter().uint32(0x08).int32(status).finish());
}

/** HealthListResponse: `map<string, HealthCheckResponse> statuses = 1`. */
function writeStatuses(statuses: ReadonlyMap<string, Status>): Buffer {
  const writer = new BinaryWriter();
  for (const [name, status] of statuses) {
    writer.uint32(0x0a).fork().uint32(0x0a).string(name).uint32(0x12).bytes(writeStatus(status)).join();
  }
  return Buffer.from(writer.finish());
}
