/**
 * A gRPC service from a .proto file (inventory.proto), on two members: who offers it, which of them a key belongs to, whether
 * it is well, and what happens when one of them goes. Stubs of ts-proto and of protoc are used in the same way.
 */
import { fileURLToPath } from "node:url";
import {
  type Client as GrpcClient,
  loadPackageDefinition,
  type ServerUnaryCall,
  type ServiceDefinition,
  type ServiceError,
  type sendUnaryData,
  status,
} from "@grpc/grpc-js";
import { loadSync } from "@grpc/proto-loader";
import { callerOf, type StubClass } from "fireflies";
import { openNetwork } from "./network.js";

interface Item {
  readonly name: string;
}
interface Stock extends Item {
  readonly count: number;
}
interface Inventory extends GrpcClient {
  count(item: Item, done: (error: ServiceError | null, stock?: Stock) => void): void;
}

const SERVICE = "garden.v1.Inventory";
const file = fileURLToPath(new URL("../../examples/inventory.proto", import.meta.url));
const definition = loadSync(file)[SERVICE] as ServiceDefinition;
const { garden } = loadPackageDefinition(loadSync(file)) as unknown as {
  readonly garden: { readonly v1: { readonly Inventory: StubClass<Inventory> } };
};

await using network = await openNetwork();
const asker = network.member("asker");
const sheds = ["north", "south"].map((name) => network.member(name));
for (const [index, shed] of sheds.entries()) {
  shed.addService(definition, {
    count: (call: ServerUnaryCall<Item, Stock>, done: sendUnaryData<Stock>) => {
      console.log(`${shed.self.name} is asked by ${callerOf(call).name}`);
      done(null, { name: call.request.name, count: 10 + index });
    },
  });
}
await network.start();

// All members see what a member offers; each key belongs to one of them, and all agree which.
console.log(
  asker
    .members({ service: SERVICE })
    .map(({ name }) => name)
    .sort()
    .join(" "),
);
const shed = asker.pick(SERVICE, "lantern");
const other = asker.members({ service: SERVICE }).find(({ id }) => id !== shed?.id);

const count = async (id: string, name: string): Promise<string> => {
  const stub = await asker.stub(id, garden.v1.Inventory);
  return await new Promise((resolve) =>
    stub.count({ name }, (error, stock) =>
      resolve(error ? (status[error.code] ?? "") : `${stock?.count} of ${stock?.name}`),
    ),
  );
};
console.log(await count(shed?.id ?? "", "lantern"));
console.log(await count(other?.id ?? "", "jar"));

// When the one that it belongs to goes, the key belongs to the other one.
await sheds.find(({ id }) => id === shed?.id)?.stop();
const next = asker.pick(SERVICE, "lantern");
console.log(next?.id === other?.id, await count(next?.id ?? "", "lantern"));
