/** A gRPC service of all four kinds for tests: definition, implementation and client, written by hand. */
import {
  type Client,
  type ClientDuplexStream,
  type ClientReadableStream,
  type ClientUnaryCall,
  type ClientWritableStream,
  type Metadata,
  type MethodDefinition,
  makeGenericClientConstructor,
  type ServerDuplexStream,
  type ServerReadableStream,
  type ServerUnaryCall,
  type ServerWritableStream,
  type ServiceError,
  type sendUnaryData,
} from "@grpc/grpc-js";
import type { StubClass } from "../../client/index.js";

const same = (bytes: Buffer): Buffer => bytes;

function method(name: string, requestStream: boolean, responseStream: boolean): MethodDefinition<Buffer, Buffer> {
  const path = `/test.Echo/${name}`;
  return {
    ...{ path, requestStream, responseStream },
    ...{ requestSerialize: same, requestDeserialize: same, responseSerialize: same, responseDeserialize: same },
  };
}

export const ECHO = {
  once: method("once", false, false),
  count: method("count", false, true),
  sum: method("sum", true, false),
  talk: method("talk", true, true),
  missing: method("missing", false, false),
} as const;

type Answer<T = Buffer> = (error: ServiceError | null, answer?: T) => void;
type Options = { readonly deadline?: number };

export interface EchoClient extends Client {
  once(request: Buffer, done: Answer): ClientUnaryCall;
  once(request: Buffer, metadata: Metadata, done: Answer): ClientUnaryCall;
  once(request: Buffer, metadata: Metadata, options: Options, done: Answer): ClientUnaryCall;
  missing(request: Buffer, done: Answer): ClientUnaryCall;
  count(request: Buffer): ClientReadableStream<Buffer>;
  sum(done: Answer): ClientWritableStream<Buffer>;
  talk(): ClientDuplexStream<Buffer, Buffer>;
}

export const EchoClient = makeGenericClientConstructor(ECHO, "test.Echo") as unknown as StubClass<EchoClient>;

/** Each answers with what it got: once, as many bytes one by one, the length of all, message by message. */
export const echo = {
  once: (call: ServerUnaryCall<Buffer, Buffer>, done: sendUnaryData<Buffer>) => done(null, call.request),
  count: (call: ServerWritableStream<Buffer, Buffer>) => {
    for (const byte of call.request) call.write(Buffer.of(byte));
    call.end();
  },
  sum: async (call: ServerReadableStream<Buffer, Buffer>, done: sendUnaryData<Buffer>) => {
    let bytes = 0;
    for await (const chunk of call) bytes += (chunk as Buffer).length;
    done(null, Buffer.from(String(bytes)));
  },
  talk: (call: ServerDuplexStream<Buffer, Buffer>) => {
    call.on("data", (chunk: Buffer) => {
      if (call.write(chunk)) return;
      call.pause();
      call.once("drain", () => call.resume());
    });
    call.on("end", () => call.end());
  },
};

/** A unary call as a promise. */
export function asked<T = Buffer>(call: (done: Answer<T>) => unknown): Promise<T> {
  return new Promise((resolve, reject) => call((error, answer) => (error ? reject(error) : resolve(answer!))));
}
