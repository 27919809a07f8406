/** The transport through a relay: the contract over it. What relays do by themselves is in relays.test.ts. */
import { afterAll, describe, test } from "vitest";
import { transportPromises } from "../../testing/index.js";
import { RelayPlace } from "../support/relay-transport.js";

/** The word of a relay that nobody is there is no evidence. */
const NOT_HERE = /as evidence/;
const place = await RelayPlace.open();
afterAll(() => place.close());

describe("the transport's contract through a relay", () => {
  const promises = transportPromises(place.subject, { bytes: 4 * 1_048_576, lives: 60 });
  for (const { title, run } of promises.filter((promise) => !NOT_HERE.test(promise.title))) test(title, run);
});
