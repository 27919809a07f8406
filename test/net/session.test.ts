/** The sessions' contract, over each transport. */
import { MemoryNetwork, tcpTransport, wsTransport } from "../../net/index.js";
import { sessionContract } from "./session-contract.js";

sessionContract("TCP", { create: tcpTransport, host: "127.0.0.1" });
sessionContract("WebSocket", { create: wsTransport, host: "127.0.0.1" });
sessionContract("memory", {
  create: () => new MemoryNetwork().transport("here"),
  host: "member",
});
