/**
 * What every incoming call passes first: it is named after its connection, counted among those of its member, and may
 * not send headers and then nothing.
 */
import { type Responder, ServerInterceptingCall, type ServerInterceptor, status as Status } from "@grpc/grpc-js";
import { FirefliesError } from "../../identity/index.js";
import { type Connections, connectionKey } from "./connections.js";
import { kindOf } from "./service.js";
import { toStatus } from "./status.js";

/** From the headers of a unary call to the end of its body, in milliseconds. */
const BODY_TIMEOUT_MS = 10_000;

type NextCall = ConstructorParameters<typeof ServerInterceptingCall>[0];

/** `getPeer()` of a handler's call is its connection's key: grpc-js's own answer names the remote end only. */
class NamedCall extends ServerInterceptingCall {
  readonly #key: string;

  constructor(next: NextCall, key: string, responder: Responder) {
    super(next, responder);
    this.#key = key;
  }

  override getPeer(): string {
    return this.#key;
  }
}

export function peerInterceptor(connections: Connections): ServerInterceptor {
  return (method, call) => {
    const key = connectionKey(call.getConnectionInfo());
    const kind = kindOf(method.path);
    const start: Responder["start"] = (next) => {
      const leave = kind === undefined ? () => {} : connections.enter(key, kind);
      if (leave === undefined) call.sendStatus({ ...toStatus(new FirefliesError("overloaded")), metadata: null });
      else next(method.requestStream ? { onCancel: leave } : withDeadline(call, leave));
    };
    return new NamedCall(call, key, { start });
  };
}

/** `onCancel` comes at the end of every call, however it ends. */
function withDeadline(
  call: NextCall,
  leave: () => void,
): Parameters<Parameters<NonNullable<Responder["start"]>>[0]>[0] {
  const late = { code: Status.DEADLINE_EXCEEDED, details: "The body did not arrive in time.", metadata: null };
  const timer = setTimeout(() => call.sendStatus(late), BODY_TIMEOUT_MS);
  return {
    onReceiveHalfClose: (done) => {
      clearTimeout(timer);
      done();
    },
    onCancel: () => {
      clearTimeout(timer);
      leave();
    },
  };
}
