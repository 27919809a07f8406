/** Reliable UDP as a transport: the contract over real sockets. */
import { describe, test } from "vitest";
import { UdpPort, UdxEndpoint, udxTransport } from "../../net/index.js";
import { transportContract } from "../../testing/index.js";

const runner = { describe, test };
/** The nightly form is long. */
const options = process.env.UDX_MIB === undefined ? {} : { bytes: 2 ** 30, lives: 10_000, timeoutMs: 20 * 60_000 };

/** A port that is open for streams, at which nobody listens: it says so itself. */
async function open() {
  const port = await UdpPort.bind({ host: "127.0.0.1", port: 0 }, { streams: true });
  UdxEndpoint.of(port);
  return { address: { scheme: "udx", ...port.local }, close: () => port.close() };
}

/** A port that carries datagrams only, and answers nothing. */
async function silent() {
  const port = await UdpPort.bind({ host: "127.0.0.1", port: 0 });
  return { address: { scheme: "udx", ...port.local }, close: () => port.close() };
}

const failures = { refused: open, timeout: silent };
transportContract("UDX", { create: udxTransport, host: "127.0.0.1", failures, silent }, runner, options);
transportContract("UDX over IPv6", { create: udxTransport, host: "::1" }, runner);
