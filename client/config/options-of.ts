/** The way back: options that make a program's Client run with a configuration that was resolved before. */
import { formatAddress } from "../../net/index.js";
import { AUTO, formatPlace } from "./endpoints.js";
import type { ClientOptions } from "./options.js";
import type { MemberConfig } from "./resolve.js";

/** `resolveMemberConfig(optionsOf(config))` equals `config`, but for the file it came from, and reads nothing. */
export function optionsOf(config: MemberConfig): ClientOptions {
  const { file: _, listen, advertise, ...same } = config;
  const options = {
    ...same,
    config: false,
    listen: listen.at.map(formatAddress),
    udpPort: listen.udpPort,
    advertise: advertise.map((place) => (place === AUTO ? AUTO : formatPlace(place))),
  };
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as ClientOptions;
}
