/** Names of topics from few tokens, so that patterns often stand for them and share their beginnings. */
import fc from "fast-check";

/** Of any characters: those that read by themselves are no names, as a rule. */
export const anyText = fc
  .array(fc.oneof(fc.nat(0x7f), fc.nat(0xffff), fc.nat(0x10ffff)), { maxLength: 20 })
  .map((codes) => String.fromCodePoint(...codes));

const token = fc.constantFrom("a", "b", "c", "dd");
const from = (tokens: fc.Arbitrary<string>, minLength = 1) =>
  fc.array(tokens, { minLength, maxLength: 6 }).map((list) => list.join("."));

export const anyTopic = from(token);
export const anyPattern = fc.oneof(
  from(fc.oneof(token, fc.constant("*"))),
  from(fc.oneof(token, fc.constant("*")), 0).map((start) => (start === "" ? ">" : `${start}.>`)),
);
