/** gRPC health and reflection of members, asked by clients that proto-loader makes of the published .proto files. */
import { once } from "node:events";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { FileDescriptorProtoSchema, FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import type { Client as GrpcClient, ServiceError } from "@grpc/grpc-js";
import { loadPackageDefinition, makeGenericClientConstructor, status } from "@grpc/grpc-js";
import { fromJSON, loadFileDescriptorSetFromBuffer } from "@grpc/proto-loader";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { StubClass } from "../../client/index.js";
import { OfflineNetwork, type TestClient, whole } from "../support/network.js";
import { asked, ECHO, EchoClient, echo } from "../support/rpc.js";

// biome-ignore lint/suspicious/noExplicitAny: what proto-loader makes of a file has no type.
type Loaded = any;

const string = (id: number) => ({ type: "string", id });
/** As grpc/grpc-proto has them, in the form that needs no file. */
const PROTOS = {
  nested: {
    grpc: {
      nested: {
        health: {
          nested: {
            v1: {
              nested: {
                HealthCheckRequest: { fields: { service: string(1) } },
                HealthCheckResponse: {
                  fields: { status: { type: "ServingStatus", id: 1 } },
                  nested: { ServingStatus: { values: { UNKNOWN: 0, SERVING: 1, NOT_SERVING: 2, SERVICE_UNKNOWN: 3 } } },
                },
                HealthListRequest: { fields: {} },
                HealthListResponse: {
                  fields: { statuses: { keyType: "string", type: "HealthCheckResponse", id: 1 } },
                },
                Health: {
                  methods: {
                    Check: { requestType: "HealthCheckRequest", responseType: "HealthCheckResponse" },
                    List: { requestType: "HealthListRequest", responseType: "HealthListResponse" },
                    Watch: {
                      requestType: "HealthCheckRequest",
                      responseType: "HealthCheckResponse",
                      responseStream: true,
                    },
                  },
                },
              },
            },
          },
        },
        reflection: {
          nested: {
            v1: {
              nested: {
                Request: {
                  oneofs: {
                    message_request: {
                      oneof: [
                        "file_by_filename",
                        "file_containing_symbol",
                        "file_containing_extension",
                        "all_extension_numbers_of_type",
                        "list_services",
                      ],
                    },
                  },
                  fields: {
                    host: string(1),
                    file_by_filename: string(3),
                    file_containing_symbol: string(4),
                    file_containing_extension: { type: "ExtensionRequest", id: 5 },
                    all_extension_numbers_of_type: string(6),
                    list_services: string(7),
                  },
                },
                ExtensionRequest: {
                  fields: { containing_type: string(1), extension_number: { type: "int32", id: 2 } },
                },
                Response: {
                  fields: {
                    valid_host: string(1),
                    original_request: { type: "Request", id: 2 },
                    file_descriptor_response: { type: "Files", id: 4 },
                    all_extension_numbers_response: { type: "Numbers", id: 5 },
                    list_services_response: { type: "Services", id: 6 },
                    error_response: { type: "ErrorAnswer", id: 7 },
                  },
                },
                Files: { fields: { file_descriptor_proto: { rule: "repeated", type: "bytes", id: 1 } } },
                Numbers: {
                  fields: { base_type_name: string(1), extension_number: { rule: "repeated", type: "int32", id: 2 } },
                },
                Services: { fields: { service: { rule: "repeated", type: "ServiceName", id: 1 } } },
                ServiceName: { fields: { name: string(1) } },
                ErrorAnswer: { fields: { error_code: { type: "int32", id: 1 }, error_message: string(2) } },
                ServerReflection: {
                  methods: {
                    ServerReflectionInfo: {
                      requestType: "Request",
                      responseType: "Response",
                      requestStream: true,
                      responseStream: true,
                    },
                  },
                },
              },
            },
          },
        },
      },
    },
    garden: {
      nested: {
        Lamp: { methods: { Blink: { requestType: "Colour", responseType: "light.Light" } } },
        Colour: { fields: { name: string(1) }, nested: { Shade: { values: { DARK: 0 } } } },
      },
    },
    light: { nested: { Light: { fields: { name: string(1) } } } },
  },
};

const OPTIONS = { keepCase: true, enums: String, defaults: true };
const definition = fromJSON(PROTOS as never, OPTIONS);
const { grpc } = loadPackageDefinition(definition) as Loaded;
const LAMP = definition["garden.Lamp"] as never;

let network: OfflineNetwork;
let alice: TestClient;
let bob: TestClient;
let health: Loaded;

beforeAll(async () => {
  const made = await OfflineNetwork.of(2);
  network = made.network;
  [alice, bob] = made.clients as [TestClient, TestClient];
  const { missing: _, ...served } = ECHO;
  bob.addService(served, { ...echo });
  bob.addService(LAMP, {
    Blink: (_call: unknown, done: (error: null, answer: object) => void) => done(null, { name: "green" }),
  });
  health = await alice.stub(bob.id, grpc.health.v1.Health as StubClass<GrpcClient>);
});
afterAll(() => network[Symbol.asyncDispose]());

const check = (service: string) => asked<Loaded>((done) => health.Check({ service }, done));

describe("health", () => {
  it("says of the member and of each service whether it takes calls, and what is unknown", async () => {
    expect(await check("")).toEqual({ status: "SERVING" });
    expect(await check("test.Echo")).toEqual({ status: "SERVING" });
    bob.setServing("test.Echo", false);
    expect(await check("test.Echo")).toEqual({ status: "NOT_SERVING" });
    expect(await check("garden.Lamp")).toEqual({ status: "SERVING" });
    bob.setServing("test.Echo", true);
    const failure = await check("nobody.Here").catch((error: ServiceError) => error.code);
    expect(failure).toBe(status.NOT_FOUND);
    expect(await asked<Loaded>((done) => health.List({}, done))).toEqual({
      statuses: {
        "": { status: "SERVING" },
        "garden.Lamp": { status: "SERVING" },
        "test.Echo": { status: "SERVING" },
      },
    });
  });

  it("is watched as it changes, also of a service that comes later, and until the member stops", async () => {
    const carol = await network.start({ entryAddrs: [alice.address] });
    carol.addService(LAMP, {});
    await whole([alice, bob, carol]);
    const stub = (await alice.stub(carol.id, grpc.health.v1.Health)) as Loaded;
    const call = stub.Watch({ service: "test.Echo" });
    call.on("error", () => {});
    const next = async () => ((await once(call, "data")) as [{ status: string }])[0].status;
    expect(await next()).toBe("SERVICE_UNKNOWN");
    const { missing: _, ...served } = ECHO;
    carol.addService(served, { ...echo });
    expect(await next()).toBe("SERVING");
    carol.setServing("test.Echo", false);
    expect(await next()).toBe("NOT_SERVING");
    carol.setServing("test.Echo", true);
    expect(await next()).toBe("SERVING");
    const alarms: string[] = [];
    carol.registerAlarmHandler(({ code }) => alarms.push(code));
    const [last] = await Promise.all([next(), carol.stop()]);
    expect(last).toBe("NOT_SERVING");
    expect(alarms).toEqual([]);
  });

  it("may be the program's own", async () => {
    const own = await network.start({ entryAddrs: [alice.address] });
    await whole([alice, bob, own]);
    own.addService(definition["grpc.health.v1.Health"] as never, {
      Check: (_call: unknown, done: (error: null, answer: object) => void) => done(null, { status: "NOT_SERVING" }),
    });
    const stub = (await alice.stub(own.id, grpc.health.v1.Health)) as Loaded;
    expect(await asked<Loaded>((done) => stub.Check({ service: "" }, done))).toEqual({ status: "NOT_SERVING" });
    await own.stop();
  });
});

describe("reflection", () => {
  const ask = async (...questions: object[]): Promise<Loaded[]> => {
    const stub = (await alice.stub(bob.id, grpc.reflection.v1.ServerReflection)) as Loaded;
    const call = stub.ServerReflectionInfo();
    const answers: Loaded[] = [];
    for (const question of questions) call.write(question);
    call.end();
    for await (const answer of call) answers.push(answer);
    return answers;
  };

  it("lists the services", async () => {
    const [answer] = await ask({ list_services: "" });
    expect(answer.list_services_response.service.map(({ name }: { name: string }) => name)).toEqual([
      "garden.Lamp",
      "grpc.health.v1.Health",
      "grpc.reflection.v1.ServerReflection",
      "grpc.reflection.v1alpha.ServerReflection",
      "test.Echo",
    ]);
  });

  it("describes what proto-loader has loaded, with what it needs, so that a client can be made of it", async () => {
    const [answer] = await ask({ file_containing_symbol: "garden.Lamp.Blink" });
    const files = answer.file_descriptor_response.file_descriptor_proto.map((bytes: Buffer) =>
      fromBinary(FileDescriptorProtoSchema, bytes),
    );
    expect(files.map((file: { package: string }) => file.package)).toEqual(["garden", "light"]);
    const set = toBinary(FileDescriptorSetSchema, create(FileDescriptorSetSchema, { file: files }));
    const learnt = loadFileDescriptorSetFromBuffer(Buffer.from(set), OPTIONS);
    const Lamp = makeGenericClientConstructor(learnt["garden.Lamp"] as never, "garden.Lamp");
    const lamp = (await alice.stub(bob.id, Lamp as never)) as Loaded;
    expect(await asked<Loaded>((done) => lamp.Blink({ name: "green" }, done))).toEqual({ name: "green" });
  });

  it("finds files, messages, fields and enums by name, and says what it does not know", async () => {
    const known = ["garden.Colour", "garden.Colour.name", "garden.Colour.Shade", "garden.Colour.DARK"];
    const answers = await ask(...known.map((file_containing_symbol) => ({ file_containing_symbol })));
    const names = answers.map(
      ({ file_descriptor_response: { file_descriptor_proto: files } }) =>
        fromBinary(FileDescriptorProtoSchema, files[0]).name,
    );
    expect(new Set(names).size).toBe(1);
    const [byName, ...unknown] = await ask(
      { file_by_filename: names[0] },
      { file_by_filename: "nobody.proto" },
      { file_containing_symbol: "test.Echo" }, // Written by hand: it has no descriptor.
      { file_containing_extension: { containing_type: "garden.Colour", extension_number: 7 } },
    );
    expect(byName.file_descriptor_response.file_descriptor_proto.length).toBe(2);
    for (const answer of unknown) expect(answer.error_response.error_code).toBe(status.NOT_FOUND);
    const [numbers, none] = await ask({ all_extension_numbers_of_type: "garden.Colour" }, { host: "h" });
    expect(numbers.all_extension_numbers_response).toEqual({ base_type_name: "garden.Colour", extension_number: [] });
    expect(none).toMatchObject({ valid_host: "h", error_response: { error_code: status.INVALID_ARGUMENT } });
  });

  it("takes a FileDescriptorSet for definitions without one, and nothing else", async () => {
    for (const bytes of ["text", new Uint8Array(0), Uint8Array.of(255, 255), Uint8Array.of(0x10, 1)] as never[]) {
      expect(() => alice.addService(ECHO, { ...echo }, { descriptors: bytes })).toThrow(TypeError);
    }
    const file = create(FileDescriptorProtoSchema, {
      ...{ name: "echo.proto", package: "test", service: [{ name: "Echo", method: [{ name: "once" }] }] },
    });
    const descriptors = toBinary(FileDescriptorSetSchema, create(FileDescriptorSetSchema, { file: [file] }));
    alice.addService(ECHO, { ...echo }, { descriptors });
    const stub = (await bob.stub(alice.id, grpc.reflection.v1.ServerReflection)) as Loaded;
    const call = stub.ServerReflectionInfo();
    call.write({ file_containing_symbol: "test.Echo.once" });
    const [answer] = (await once(call, "data")) as [Loaded];
    call.end();
    expect(answer.file_descriptor_response.file_descriptor_proto.length).toBe(1);
  });
});

it("services without a stub of one's own are what they were", async () => {
  const stub = await alice.stub(bob.id, EchoClient);
  expect(String(await asked((done) => stub.once(Buffer.from("hello"), done)))).toBe("hello");
});
