/** The NATS client's packages, loaded when they are first used: who speaks to no NATS server installs none of them. */
import { FirefliesError, isCode } from "../../../identity/index.js";

export type NatsPackage = typeof import("@nats-io/transport-node");
export type JetStreamPackage = typeof import("@nats-io/jetstream");

/** The release line that this version is tested with. */
const RANGE = "^3.3.1";

/** Rejects with "package-missing". */
export function loadNats(): Promise<NatsPackage> {
  return import("@nats-io/transport-node").catch(absent("@nats-io/transport-node"));
}

/** Rejects with "package-missing". */
export function loadJetStream(): Promise<JetStreamPackage> {
  return import("@nats-io/jetstream").catch(absent("@nats-io/jetstream"));
}

/** For what an import rejects with: a package that is not there is said with how to get it. */
export function absent(name: string): (cause: unknown) => never {
  return (cause) => {
    if (!isCode(cause, "ERR_MODULE_NOT_FOUND") && !isCode(cause, "MODULE_NOT_FOUND")) throw cause;
    throw new FirefliesError("package-missing", `NATS needs the package ${name}, which is not installed.`, {
      cause,
      advice: `Run \`npm install ${name}@${RANGE}\`.`,
    });
  };
}
