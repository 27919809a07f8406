/** What every act of the authority works with: its state, and its settings. */
import type { Settings } from "./options.js";
import type { AuthorityState } from "./state/state.js";

export interface Context {
  readonly state: AuthorityState;
  readonly settings: Settings;
}
