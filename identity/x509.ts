/** @peculiar/x509, loaded when first needed: it costs 150 ms and 15 MB that a member which only verifies should not pay. */
export type X509 = typeof import("@peculiar/x509");

/** Its container wants `reflect-metadata` first. */
export async function loadX509(): Promise<X509> {
  await import("reflect-metadata");
  return import("@peculiar/x509");
}
