/**
 * grpc.reflection.v1.ServerReflection and its v1alpha, by which grpcurl and the like learn what is served
 * (https://github.com/grpc/grpc/blob/master/doc/server-reflection.md). It comes with the first service of a program. Read
 * and written by hand: two messages, of which half is not ours to say.
 */
import { once } from "node:events";
import { BinaryReader, BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import type { MethodDefinition, ServerDuplexStream, ServiceDefinition } from "@grpc/grpc-js";
import { wrongType } from "../../identity/index.js";
import type { Descriptors } from "./descriptors.js";
import type { Service } from "./serving.js";

/** Of gRPC. */
const INVALID_ARGUMENT = 3;
const NOT_FOUND = 5;

/** Fields of ServerReflectionRequest. */
const ASKED = { host: 1, file: 3, symbol: 4, extension: 5, extensionsOf: 6, list: 7 } as const;

interface Question {
  /** As it came: it stands in the answer. */
  readonly bytes: Uint8Array;
  readonly host: string;
  readonly field: number;
  /** A file, a symbol or a type. */
  readonly text: string;
  readonly number: number;
}

type Call = ServerDuplexStream<Question, Uint8Array>;

export class Reflection {
  /** What has been added and nobody has asked about yet. */
  readonly #added: (readonly [ServiceDefinition, Uint8Array | undefined])[] = [];
  #descriptors: Descriptors | undefined;
  readonly #names: () => readonly string[];
  readonly #open = new Set<Call>();

  /** `names`: full names of the services. */
  constructor(names: () => readonly string[]) {
    this.#names = names;
  }

  readonly services: readonly Service[] = ["v1", "v1alpha"].map((version) => ({
    definition: { ServerReflectionInfo: methodOf(version) },
    implementation: { ServerReflectionInfo: (call: Call) => this.#serve(call) },
  }));

  /** Read when somebody asks: the schema of descriptors is large. Throws a TypeError for bytes that are no FileDescriptorSet. */
  add(definition: ServiceDefinition, set: Uint8Array | undefined): void {
    if (set !== undefined && !isSet(set)) {
      throw wrongType(
        "Descriptors are a FileDescriptorSet, as `protoc --descriptor_set_out` and `buf build -o` write it.",
      );
    }
    this.#added.push([definition, set]);
  }

  /** Ends the calls that wait for another question. */
  drain(): void {
    for (const call of this.#open) call.end();
  }

  #serve(call: Call): void {
    this.#open.add(call);
    for (const event of ["cancelled", "close"]) call.once(event, () => this.#open.delete(call));
    this.#answerAll(call).catch((error: unknown) => call.emit("error", error));
  }

  async #answerAll(call: Call): Promise<void> {
    // Its end is no end of the answers.
    for await (const question of call.iterator({ destroyOnReturn: false })) {
      const isTaken = call.write(this.#answer(question as Question, await this.#read()));
      if (!isTaken) await once(call, "drain");
    }
    call.end();
  }

  async #read(): Promise<Descriptors> {
    const { Descriptors } = await import("./descriptors.js");
    this.#descriptors ??= new Descriptors();
    for (const added of this.#added.splice(0)) this.#descriptors.add(...added);
    return this.#descriptors;
  }

  #answer(question: Question, descriptors: Descriptors): Uint8Array {
    const { field, text, number } = question;
    const writer = new BinaryWriter().uint32(0x0a).string(question.host).uint32(0x12).bytes(question.bytes);
    if (field === ASKED.list) return listed(writer, this.#names());
    if (field === ASKED.extensionsOf) {
      const numbers = descriptors.extensionsOf(text);
      return numbers ? numbered(writer, text, numbers) : failed(writer, NOT_FOUND);
    }
    if (field === ASKED.file) return described(writer, descriptors.file(text));
    if (field === ASKED.symbol) return described(writer, descriptors.containing(text));
    if (field === ASKED.extension) return described(writer, descriptors.extending(text, number));
    return failed(writer, INVALID_ARGUMENT);
  }
}

function methodOf(version: string): MethodDefinition<Question, Uint8Array> {
  const unused = () => {
    throw new Error("Only a server has this definition.");
  };
  return {
    path: `/grpc.reflection.${version}.ServerReflection/ServerReflectionInfo`,
    ...{ requestStream: true, responseStream: true, requestSerialize: unused, responseDeserialize: unused },
    requestDeserialize: readQuestion,
    responseSerialize: (answer) => Buffer.from(answer),
  };
}

/** Throws for what is no question. */
function readQuestion(bytes: Buffer): Question {
  const reader = new BinaryReader(bytes);
  let [host, field, text, number] = ["", 0, "", 0];
  while (reader.pos < reader.len) {
    const [tag, type] = reader.tag();
    if (tag === ASKED.host) host = reader.string();
    else if (tag === ASKED.extension) {
      [text, number] = readExtension(reader.bytes());
      field = tag;
    } else if (tag >= ASKED.file && tag <= ASKED.list) {
      text = reader.string();
      field = tag;
    } else reader.skip(type, tag);
  }
  return { bytes, host, field, text, number };
}

/** ExtensionRequest: `string containing_type = 1; int32 extension_number = 2`. */
function readExtension(bytes: Uint8Array): [type: string, number: number] {
  const reader = new BinaryReader(bytes);
  let [type, number] = ["", 0];
  while (reader.pos < reader.len) {
    const [tag, wire] = reader.tag();
    if (tag === 1) type = reader.string();
    else if (tag === 2) number = reader.int32();
    else reader.skip(wire, tag);
  }
  return [type, number];
}

/** FileDescriptorResponse: `repeated bytes file_descriptor_proto = 1`. */
function described(writer: BinaryWriter, files: readonly Uint8Array[] | undefined): Uint8Array {
  if (files === undefined) return failed(writer, NOT_FOUND);
  writer.uint32(0x22).fork();
  for (const file of files) writer.uint32(0x0a).bytes(file);
  return writer.join().finish();
}

/** ExtensionNumberResponse: `string base_type_name = 1; repeated int32 extension_number = 2`. */
function numbered(writer: BinaryWriter, type: string, numbers: readonly number[]): Uint8Array {
  writer.uint32(0x2a).fork().uint32(0x0a).string(type);
  for (const number of numbers) writer.uint32(0x10).int32(number);
  return writer.join().finish();
}

/** ListServiceResponse: `repeated ServiceResponse service = 1`, each `string name = 1`. */
function listed(writer: BinaryWriter, names: readonly string[]): Uint8Array {
  writer.uint32(0x32).fork();
  for (const name of names) writer.uint32(0x0a).fork().uint32(0x0a).string(name).join();
  return writer.join().finish();
}

/** ErrorResponse: `int32 error_code = 1; string error_message = 2`. */
function failed(writer: BinaryWriter, code: number): Uint8Array {
  const text = code === NOT_FOUND ? "That is not known here." : "That question is not known here.";
  return writer.uint32(0x3a).fork().uint32(0x08).int32(code).uint32(0x12).string(text).join().finish();
}

/** FileDescriptorSet: `repeated FileDescriptorProto file = 1`. What the files hold is read later. */
function isSet(bytes: Uint8Array): boolean {
  if (!(bytes instanceof Uint8Array)) return false;
  try {
    const reader = new BinaryReader(bytes);
    while (reader.pos < reader.len) {
      const [field, type] = reader.tag();
      if (field !== 1 || type !== WireType.LengthDelimited) return false;
      reader.skip(type, field);
    }
    return bytes.length > 0;
  } catch {
    return false;
  }
}
