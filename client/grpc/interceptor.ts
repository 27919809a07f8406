/** What every incoming call passes first: it is named after its connection, and may not send headers and then nothing. */
import { type Responder, ServerInterceptingCall, type ServerInterceptor, status as Status } from "@grpc/grpc-js";
import { connectionKey } from "./connections.js";

/** From the headers of a unary call to the end of its body, in milliseconds. */
const BODY_TIMEOUT_MS = 10_000;

type NextCall = ConstructorParameters<typeof ServerInterceptingCall>[0];

/** `getPeer()` of a handler's call is its connection's key: grpc-js's own answer names the remote end only. */
class NamedCall extends ServerInterceptingCall {
  readonly #key: string;

  constructor(next: NextCall, responder?: Responder) {
    super(next, responder);
    this.#key = connectionKey(next.getConnectionInfo());
  }

  override getPeer(): string {
    return this.#key;
  }
}

export const peerInterceptor: ServerInterceptor = (method, call) =>
  method.requestStream ? new NamedCall(call) : new NamedCall(call, bodyDeadline(call));

function bodyDeadline(call: NextCall): Responder {
  return {
    start: (next) => {
      const late = { code: Status.DEADLINE_EXCEEDED, details: "The body did not arrive in time." };
      const timer = setTimeout(() => call.sendStatus(late), BODY_TIMEOUT_MS);
      next({
        onReceiveHalfClose: (done) => {
          clearTimeout(timer);
          done();
        },
        onCancel: () => clearTimeout(timer),
      });
    },
  };
}
