/** The contract as a program of somebody else runs it, by node:test over what is built. */
import { describe, test } from "node:test";
import { tcpTransport } from "../../dist/client/index.js";
import { transportContract } from "../../dist/testing/index.js";

transportContract("TCP", { create: tcpTransport, host: "127.0.0.1" }, { describe, test }, { lives: 20 });
