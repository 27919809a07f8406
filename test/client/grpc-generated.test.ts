/**
 * Services and stubs as generators make them of examples/inventory.proto, used as they are: ts-proto (test/support/generated/),
 * proto-loader, and protoc (test/support/generated/protoc/), whose messages are classes. The last is made by
 * `protoc -I examples --js_out=import_style=commonjs,binary:DIR --grpc_out=grpc_js:DIR examples/inventory.proto`, with protoc-gen-js
 * of protobuf-javascript 3.21.2, and the plugin of grpc-tools as protoc-gen-grpc.
 */
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";
import {
  type Client as GrpcClient,
  loadPackageDefinition,
  Metadata,
  type ServiceDefinition,
  type ServiceError,
  status,
} from "@grpc/grpc-js";
import { loadSync } from "@grpc/proto-loader";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { StubClass } from "../../client/index.js";
import { InventoryClient, type InventoryServer, InventoryService, type Stock } from "../support/generated/inventory.js";
import { OfflineNetwork, type TestClient } from "../support/network.js";
import { asked } from "../support/rpc.js";

/** One member for each form: it serves by it, and is called by stubs of all forms. */
const FORMS = ["ts-proto", "proto-loader", "protoc"] as const;
type Form = (typeof FORMS)[number];
/** What the forms have in common; names of methods in lower case, messages with plain fields, whoever made them. */
interface Stubs extends GrpcClient {
  count(item: object, ...more: unknown[]): { cancel(): void };
  watch(item: object): AsyncIterable<Shown> & { cancel(): void };
  restock(done: (error: ServiceError | null, stock?: Shown) => void): { write(stock: object): void; end(): void };
  talk(): AsyncIterable<Shown> & { write(item: object): void; end(): void };
}
type Shown = object;

const loaded = loadSync(fileURLToPath(new URL("../../examples/inventory.proto", import.meta.url)));

/** What protoc writes for JavaScript: messages are classes that are asked and told by methods. */
interface PbMessage {
  toObject(): { readonly name: string; readonly count?: number };
  setName(name: string): this;
  setCount?(count: number): this;
}
interface PbMessages {
  readonly Item: new () => PbMessage;
  readonly Stock: new () => PbMessage;
}
interface PbServices {
  readonly InventoryService: ServiceDefinition;
  readonly InventoryClient: unknown;
}
const require = createRequire(import.meta.url);
const pb = require("../support/generated/protoc/inventory_pb.js") as PbMessages;
const pbServices = require("../support/generated/protoc/inventory_grpc_pb.js") as PbServices;

const DEFINITIONS: Record<Form, ServiceDefinition> = {
  "ts-proto": InventoryService,
  "proto-loader": loaded["garden.v1.Inventory"] as ServiceDefinition,
  protoc: pbServices.InventoryService,
};
interface LoadedPackages {
  readonly garden: { readonly v1: { readonly Inventory: unknown } };
}
const CLASSES: Record<Form, unknown> = {
  "ts-proto": InventoryClient,
  "proto-loader": (loadPackageDefinition(loaded) as unknown as LoadedPackages).garden.v1.Inventory,
  protoc: pbServices.InventoryClient,
};
/** A message of the form from plain fields, and back. */
const made = (form: Form, Class: new () => PbMessage, { name, count }: Stock): object => {
  if (form !== "protoc") return { name, count };
  const message = new Class().setName(name);
  message.setCount?.(count);
  return message;
};
const isPb = (message: unknown): message is PbMessage => typeof (message as PbMessage).toObject === "function";
const shown = (message: unknown): Stock => {
  const { name, count = 0 } = isPb(message) ? message.toObject() : (message as Stock);
  return { name, count };
};

const statusOf = (call: Promise<unknown>) =>
  call.then(
    () => status.OK,
    (error: ServiceError) => error.code,
  );

function implementation(form: Form): InventoryServer {
  const nameOf = (message: unknown) => shown(message).name;
  const stock = (name: string, count: number) => made(form, pb.Stock, { name, count }) as Stock;
  return {
    count: (call, done) => {
      const name = nameOf(call.request);
      if (name === "slow") return;
      const metadata = new Metadata();
      metadata.set("shed", String(call.metadata.get("shed")[0] ?? "none"));
      call.sendMetadata(metadata);
      if (name === "none") done({ code: status.NOT_FOUND, details: "no such thing" });
      else done(null, stock(name, 7));
    },
    watch: (call) => {
      for (let count = 1; count <= 3; count++) call.write(stock(nameOf(call.request), count));
      call.end();
    },
    restock: async (call, done) => {
      let count = 0;
      for await (const message of call) count += shown(message).count;
      done(null, stock("all", count));
    },
    talk: async (call) => {
      call.on("data", (message: unknown) => call.write(stock(nameOf(message), 1)));
      call.on("end", () => call.end());
    },
  };
}

let network: OfflineNetwork;
let alice: TestClient;
const servers = new Map<Form, TestClient>();

beforeAll(async () => {
  const made = await OfflineNetwork.of(1 + FORMS.length);
  network = made.network;
  const [first, ...others] = made.clients as [TestClient, ...TestClient[]];
  alice = first;
  for (const [index, form] of FORMS.entries()) {
    others[index]!.addService(DEFINITIONS[form], implementation(form) as never);
    servers.set(form, others[index]!);
  }
});
afterAll(() => network[Symbol.asyncDispose]());

describe.each(FORMS.flatMap((stub) => FORMS.map((server) => [stub, server] as const)))(
  "a stub of %s and a service of %s",
  (form, server) => {
    const stub = () => alice.stub(servers.get(server)!.id, CLASSES[form] as StubClass<Stubs>);
    const item = (name: string) => made(form, pb.Item, { name, count: 0 });

    it("speak in all four ways, with metadata, statuses and deadlines", async () => {
      const inventory = await stub();
      const metadata = new Metadata();
      metadata.set("shed", "north");
      const got = await asked<Shown>((done) => inventory.count(item("jar"), metadata, done));
      expect(shown(got)).toEqual({ name: "jar", count: 7 });
      const watched: Stock[] = [];
      for await (const message of inventory.watch(item("jar"))) watched.push(shown(message));
      expect(watched.map(({ count }) => count)).toEqual([1, 2, 3]);
      const sum = await asked<Shown>((done) => {
        const call = inventory.restock(done);
        for (const count of [1, 2, 3]) call.write(made(form, pb.Stock, { name: "jar", count }));
        call.end();
      });
      expect(shown(sum)).toEqual({ name: "all", count: 6 });
      const talk = inventory.talk();
      talk.write(item("one"));
      talk.write(item("two"));
      talk.end();
      const said: string[] = [];
      for await (const message of talk) said.push(shown(message).name);
      expect(said).toEqual(["one", "two"]);
      const failed = asked<Shown>((done) => inventory.count(item("none"), done));
      expect(await statusOf(failed)).toBe(status.NOT_FOUND);
      const late = asked<Shown>((done) => inventory.count(item("slow"), { deadline: Date.now() + 50 }, done));
      expect(await statusOf(late)).toBe(status.DEADLINE_EXCEEDED);
      const cancelled = asked<Shown>((done) => inventory.count(item("slow"), done).cancel());
      expect(await statusOf(cancelled)).toBe(status.CANCELLED);
    });
  },
);

it("all members see who offers it", () => {
  const ids = alice.members({ service: "garden.v1.Inventory" }).map(({ id }) => id);
  expect(ids.toSorted()).toEqual([...servers.values()].map(({ id }) => id).toSorted());
});
