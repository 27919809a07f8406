/** Proofs: a message is shown to somebody who was not there and is no member; all it takes is the authority's root. */
import { FirefliesError, verifyMessage } from "fireflies";
import { bytes, openNetwork, text } from "./network.js";

await using network = await openNetwork();
const customer = network.member("customer");
const shop = network.member("shop");

// The shop keeps a proof of what it was asked for. Proofs are made on demand: nothing is spent on other messages.
const kept: Uint8Array[] = [];
shop.registerMessageHandler((data, { proof }) => {
  kept.push(proof());
  // The answer repeats the question, so that its proof shows to what the shop agreed.
  return bytes(`agreed: ${text(data)}`);
});
await network.start();

// The customer keeps a proof of the answer.
const onProof = (proof: Uint8Array) => kept.push(proof);
await customer.sendToId(shop.id, bytes("ten lanterns for 50"), { onProof });

// A judge has the proofs, as files perhaps, and the root certificate.
const roots = network.root;
const names = new Map([
  [customer.id, "customer"],
  [shop.id, "shop"],
]);
for (const proof of kept) {
  const { kind, sender, receiver, data } = verifyMessage(proof, { roots });
  console.log(`${kind} from ${names.get(sender)} to ${names.get(receiver)}: ${text(data)}`);
}

// One changed byte, wherever it is, and nothing is proven.
const [order = new Uint8Array()] = kept;
const at = Buffer.from(order).indexOf("lanterns for 50") + "lanterns for ".length;
const forged = order.with(at, "9".charCodeAt(0));
try {
  verifyMessage(forged, { roots });
} catch (error) {
  if (error instanceof FirefliesError) console.log(`${error.code}: ${error.message}`);
}
