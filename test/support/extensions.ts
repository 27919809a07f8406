/** Extension lists of later versions, for property tests. */
import fc from "fast-check";
import type { Extension } from "../../rings/index.js";

/** Within the bounds; types that nobody knows yet. */
export const anyExtensions: fc.Arbitrary<Extension[]> = fc
  .uniqueArray(fc.record({ type: fc.nat(65_535), data: fc.uint8Array({ maxLength: 50 }) }), {
    maxLength: 16,
    selector: ({ type }) => type,
  })
  .map((list) => list.sort((a, b) => a.type - b.type));
