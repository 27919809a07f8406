/** What a reload has done, in one line for people. */
import type { ReloadReport } from "./host.js";

export function reportText({ services, identities, nextStart }: ReloadReport): string {
  const part = (what: string, names: readonly string[]) => (names.length === 0 ? [] : [`${what} ${names.join(", ")}`]);
  const parts = [
    ...part("started", services.started),
    ...part("stopped", services.stopped),
    ...part("mounted", identities.mounted),
    ...part("unmounted", identities.unmounted),
    ...part("with the next start", nextStart),
  ];
  return parts.join("; ") || "nothing has changed";
}
