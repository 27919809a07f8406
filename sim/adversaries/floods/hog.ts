/**
 * Makes everybody call it and answers nobody: its pings say that the views differ, and each call to it is held until its
 * deadline. Who had only so many calls at once would have none left for those that answer.
 */
import { FingerprintLiar } from "./fingerprint-liar.js";

export class Hog extends FingerprintLiar {
  override readonly name: string = "hog";

  request(): "silent" {
    return "silent";
  }
}
