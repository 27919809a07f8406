/** Links over TCP, and what outsiders can do to a listener. */

import { grpcTransport } from "../../client/grpc/transport.js";
import { transportContract } from "./transport-contract.js";

transportContract("grpc over IPv4", { create: () => grpcTransport, host: "127.0.0.1" });
