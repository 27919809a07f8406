/**
 * gRPC: a service of one's own, by @grpc/grpc-js, between members. Definition and client class are what ts-proto or
 * protoc-gen-grpc make of this; written by hand it needs no generator:
 *
 *   service Lamp {
 *     rpc Blink(Text) returns (Text);            // one question, one answer
 *     rpc Watch(Text) returns (stream Text);     // as many answers as there are
 *   }
 */
import {
  type ClientReadableStream,
  type Client as GrpcClient,
  type MethodDefinition,
  makeGenericClientConstructor,
  type ServerUnaryCall,
  type ServerWritableStream,
  type ServiceError,
  type sendUnaryData,
  status,
} from "@grpc/grpc-js";
import { callerOf, type StubClass } from "fireflies";
import { openNetwork } from "./network.js";

const encode = (text: string): Buffer => Buffer.from(text);
const decode = (bytes: Buffer): string => bytes.toString();

function method(name: string, responseStream: boolean): MethodDefinition<string, string> {
  return {
    path: `/example.Lamp/${name}`,
    requestStream: false,
    responseStream,
    requestSerialize: encode,
    requestDeserialize: decode,
    responseSerialize: encode,
    responseDeserialize: decode,
  };
}

const LAMP = { blink: method("Blink", false), watch: method("Watch", true) };

interface Lamp extends GrpcClient {
  blink(colour: string, done: (error: ServiceError | null, answer?: string) => void): void;
  watch(colour: string): ClientReadableStream<string>;
}
const LampClient = makeGenericClientConstructor(LAMP, "example.Lamp") as unknown as StubClass<Lamp>;

await using network = await openNetwork();
const alice = network.member("alice");
const bob = network.member("bob");

// Bob serves. Who calls is proven by its certificate, so a service can decide by it.
bob.addService(LAMP, {
  blink: (call: ServerUnaryCall<string, string>, done: sendUnaryData<string>) => {
    const isAlice = callerOf(call).id === alice.id;
    if (isAlice) done(null, `${call.request} for alice`);
    else done({ code: status.PERMISSION_DENIED, details: "only alice may" });
  },
  watch: (call: ServerWritableStream<string, string>) => {
    for (const time of ["dusk", "midnight", "dawn"]) call.write(`${call.request} at ${time}`);
    call.end();
  },
});
await network.start();

const lamp = await alice.stub(bob.id, LampClient);
const blink = (stub: Lamp, colour: string): Promise<string> =>
  new Promise((resolve, reject) =>
    stub.blink(colour, (error, answer) => (error ? reject(error) : resolve(answer ?? ""))),
  );
console.log(await blink(lamp, "green"));
for await (const light of lamp.watch("yellow")) console.log(light);

// A member that leaves the view is UNAVAILABLE to all stubs of it.
await bob.stop();
await blink(lamp, "red").catch((error: ServiceError) => console.log(status[error.code]));
