/** What every act of the authority works with: its state, its settings, and whose JWTs it takes. */
import type { JwtDoor } from "./jwt/jwt-door.js";
import type { Settings } from "./options.js";
import type { AuthorityState } from "./state/state.js";

export interface Context {
  readonly state: AuthorityState;
  readonly settings: Settings;
  readonly jwts: JwtDoor;
}
