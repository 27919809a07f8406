/** Reliable UDP as a transport: the contract over real sockets. */
import { udxTransport } from "../../net/index.js";
import { transportContract } from "./transport-contract.js";

transportContract("UDX", { create: udxTransport, host: "127.0.0.1" });
transportContract("UDX over IPv6", { create: udxTransport, host: "::1" });
