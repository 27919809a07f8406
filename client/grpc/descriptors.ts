/**
 * The descriptors of a program's services, by file and by name: from definitions that bring them (proto-loader's do), or from
 * a FileDescriptorSet as `protoc --descriptor_set_out` and `buf build` write it.
 */
import { fromBinary, toBinary } from "@bufbuild/protobuf";
import {
  type DescriptorProto,
  type FileDescriptorProto,
  FileDescriptorProtoSchema,
  FileDescriptorSetSchema,
} from "@bufbuild/protobuf/wkt";
import type { ServiceDefinition } from "@grpc/grpc-js";

export class Descriptors {
  readonly #files = new Map<string, FileDescriptorProto>();
  /** The file of each service, method, message, field, enum, value and extension. */
  readonly #bySymbol = new Map<string, FileDescriptorProto>();
  /** Numbers of extensions with their files, by the message that they extend. */
  readonly #extensions = new Map<string, Map<number, FileDescriptorProto>>();

  /** Throws for a set with a file that is none. */
  add(definition: ServiceDefinition, set: Uint8Array | undefined): void {
    const files = set === undefined ? filesIn(definition) : fromBinary(FileDescriptorSetSchema, set).file;
    for (const file of files) if (!this.#files.has(file.name)) this.#index(withDependencies(file, files));
  }

  file(name: string): Uint8Array[] | undefined {
    return this.#withAll(this.#files.get(name));
  }

  containing(symbol: string): Uint8Array[] | undefined {
    return this.#withAll(this.#bySymbol.get(symbol));
  }

  extending(type: string, number: number): Uint8Array[] | undefined {
    return this.#withAll(this.#extensions.get(type)?.get(number));
  }

  extensionsOf(type: string): number[] | undefined {
    if (!this.#bySymbol.has(type)) return undefined;
    return [...(this.#extensions.get(type)?.keys() ?? [])];
  }

  /** The file, and all that it needs. */
  #withAll(file: FileDescriptorProto | undefined): Uint8Array[] | undefined {
    if (file === undefined) return undefined;
    const needed = new Set([file]);
    for (const each of needed) {
      for (const name of each.dependency) {
        const other = this.#files.get(name);
        if (other) needed.add(other);
      }
    }
    return [...needed].map((each) => toBinary(FileDescriptorProtoSchema, each));
  }

  #index(file: FileDescriptorProto): void {
    this.#files.set(file.name, file);
    const scope = file.package === "" ? "" : `${file.package}.`;
    const name = (symbol: string) => this.#bySymbol.set(symbol, file);
    for (const symbol of symbolsOf(file)) name(scope + symbol);
    for (const { extendee, number } of [...file.extension, ...file.messageType.flatMap(extensionsIn)]) {
      const type = plain(extendee);
      const numbers = this.#extensions.get(type) ?? new Map<number, FileDescriptorProto>();
      this.#extensions.set(type, numbers.set(number, file));
    }
  }
}

function symbolsOf({ messageType, enumType, service, extension }: FileDescriptorProto): string[] {
  return [
    ...messageType.flatMap((message) => symbolsIn(message, "")),
    ...enumType.flatMap(({ name, value }) => [name, ...value.map((each) => each.name)]),
    ...service.flatMap(({ name, method }) => [name, ...method.map((each) => `${name}.${each.name}`)]),
    ...extension.map(({ name }) => name),
  ];
}

function symbolsIn(message: DescriptorProto, scope: string): string[] {
  const name = scope + message.name;
  const inner = `${name}.`;
  return [
    name,
    ...[...message.field, ...message.oneofDecl, ...message.extension].map((each) => inner + each.name),
    ...message.enumType.flatMap((each) => [inner + each.name, ...each.value.map((value) => inner + value.name)]),
    ...message.nestedType.flatMap((each) => symbolsIn(each, inner)),
  ];
}

function extensionsIn(message: DescriptorProto): DescriptorProto["extension"] {
  return [...message.extension, ...message.nestedType.flatMap(extensionsIn)];
}

/** What proto-loader leaves behind in a definition. */
interface Loaded {
  readonly requestType?: { readonly fileDescriptorProtos?: readonly Uint8Array[] };
  readonly responseType?: { readonly fileDescriptorProtos?: readonly Uint8Array[] };
}

function filesIn(definition: ServiceDefinition): FileDescriptorProto[] {
  const loaded = Object.values(definition) as Loaded[];
  const found = loaded.flatMap(({ requestType, responseType }) => [
    ...(requestType?.fileDescriptorProtos ?? []),
    ...(responseType?.fileDescriptorProtos ?? []),
  ]);
  const files = [...new Set(found)].map((bytes) => fromBinary(FileDescriptorProtoSchema, bytes));
  return [...new Map(files.map((file) => [file.name, file])).values()];
}

/** protobufjs, and so proto-loader, does not say what a file imports: those of the same set that it names types of. */
function withDependencies(file: FileDescriptorProto, set: readonly FileDescriptorProto[]): FileDescriptorProto {
  if (file.dependency.length > 0) return file;
  const types = typesIn(file);
  const needed = set.filter((other) => other !== file && types.some((type) => type.startsWith(`${other.package}.`)));
  return { ...file, dependency: needed.map(({ name }) => name) };
}

function typesIn({ messageType, service, extension }: FileDescriptorProto): string[] {
  const fields = [...extension, ...messageType.flatMap(fieldsIn)];
  const ofFields = fields.flatMap(({ typeName, extendee }) => [typeName, extendee]);
  const ofMethods = service.flatMap(({ method }) =>
    method.flatMap(({ inputType, outputType }) => [inputType, outputType]),
  );
  return [...ofFields, ...ofMethods].map(plain);
}

function fieldsIn(message: DescriptorProto): DescriptorProto["field"] {
  return [...message.field, ...message.extension, ...message.nestedType.flatMap(fieldsIn)];
}

/** Without the dot that says that it begins at the root. */
function plain(type: string): string {
  return type.replace(/^\./, "");
}
