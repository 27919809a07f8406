/** A decision as the audit keeps it: the same fields, in one flat object. */
import type { Decision } from "../options.js";
import type { AuditNote } from "../store/store.js";

export function noteOf(decision: Exclude<Decision, { readonly kind: "failed" }>): AuditNote {
  const { kind, at, ...fields } = decision;
  return { kind, at, fields };
}
