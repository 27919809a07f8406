/** One promise of the contract. */
import type { Scene } from "./scene.js";
import type { TransportSubject } from "./subject.js";

export interface Promised {
  readonly title: string;
  /** Asked only of transports whose subject brings this along. */
  readonly needs?: keyof TransportSubject;
  /** Asked only of transports with ports. */
  readonly needsPorts?: boolean;
  readonly run: (scene: Scene) => Promise<void>;
}
