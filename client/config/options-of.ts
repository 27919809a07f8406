/** The way back: options that make a program's Client run with a configuration that was resolved before. */
import { formatHostPort } from "../../net/index.js";
import type { ClientOptions } from "./options.js";
import type { MemberConfig } from "./resolve.js";

/** `resolveMemberConfig(optionsOf(config))` equals `config`, but for the file it came from, and reads nothing. */
export function optionsOf(config: MemberConfig): ClientOptions {
  const { file: _, listen, advertise, ...same } = config;
  const options = {
    ...same,
    config: false,
    listen: formatHostPort(listen.host, listen.port),
    udpPort: listen.udpPort,
    advertise: advertise.map(({ host, port }) => (port === undefined ? bracketed(host) : formatHostPort(host, port))),
  };
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as ClientOptions;
}

function bracketed(host: string): string {
  return host.includes(":") ? `[${host}]` : host;
}
