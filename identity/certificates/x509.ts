/** @peculiar/x509, which writes an authority's certificates: 0.2 s and 20 MiB that no member should pay. Loaded on first use. */
import { webcrypto } from "node:crypto";
import { missing } from "../optional.js";

export type X509 = typeof import("@peculiar/x509");

/** What to pass to every call: the library's own default would be a global. */
export const x509Crypto = webcrypto;

/** Its container wants `reflect-metadata` first. */
export async function loadX509(): Promise<X509> {
  await import("reflect-metadata").catch(missing("reflect-metadata", "The authority"));
  return await import("@peculiar/x509").catch(missing("@peculiar/x509", "The authority"));
}
