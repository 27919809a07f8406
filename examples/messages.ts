/** Messages: signed by the sender, answered by the receiver, and what a handler's mistake looks like from afar. */
import { FirefliesError, ReplyError } from "fireflies";
import { bytes, openNetwork, text } from "./network.js";

await using network = await openNetwork();
const alice = network.member("alice");
const bob = network.member("bob");

// A handler is told who sent the message: that is proven by certificate and signature, not by what the message says.
bob.registerMessageHandler((data, { from }) => {
  // For the sender to read. Of any other error it gets a general sentence, and this program an alarm.
  if (data.length === 0) throw new ReplyError("I expected a greeting", { code: "no-greeting" });
  console.log(`bob got "${text(data)}" from ${from.name}`);
  return bytes(`${text(data)} to you, too`);
});
await network.start();

// To a member by its id; the promise is for the reply.
const reply = await alice.sendToId(bob.id, bytes("Good morning"));
console.log(`alice got "${text(reply)}"`);

// To whoever proves to be a live member at an address.
for (const member of alice.members()) {
  console.log(`alice got "${text(await alice.sendTo(member.address, bytes("Good evening")))}"`);
}

// Errors have a stable code: what the handler threw for its caller, nobody has that id, nobody takes messages there.
const unknown = "0".repeat(64);
for (const attempt of [
  () => alice.sendToId(bob.id, bytes("")),
  () => alice.sendToId(unknown, bytes("Anybody there?")),
  () => bob.sendToId(alice.id, bytes("Hello"), { timeout: 2_000 }),
]) {
  try {
    await attempt();
  } catch (error) {
    if (error instanceof ReplyError || error instanceof FirefliesError) console.log(`${error.code}: ${error.message}`);
  }
}
