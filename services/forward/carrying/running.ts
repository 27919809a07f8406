/** What runs and can be closed, as programs and the agent see it. */
import type { TrafficFigures } from "./traffic.js";

/** A forward that runs. */
export interface Forward {
  readonly protocol: string;
  /** As text: "127.0.0.1:8000", "unix:/run/app.sock". */
  readonly target: string;
  figures(): TrafficFigures;
  /** Takes nothing more, and resets what is open. */
  close(): Promise<void>;
}

/** A listener or a proxy that runs. */
export interface Listener {
  /** Where it listens, with the port that the system gave: "127.0.0.1:8002", "unix:/run/app.sock". */
  readonly address: string;
  figures(): TrafficFigures;
  /** Listens no longer, and resets what is open. */
  close(): Promise<void>;
}
