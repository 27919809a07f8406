/** Links over TCP: gRPC (grpc-js) on TLS 1.3, both ends proven by member certificate. */
import type { Transport, TransportOptions } from "../transport.js";
import { dial } from "./link.js";
import { listen } from "./listener.js";

export function grpcTransport(own: TransportOptions): Transport {
  return {
    listen: (options) => listen(own, options),
    dial: (address, options) => dial(own, address, options),
  };
}
