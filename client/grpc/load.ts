/** grpc-js, loaded when a service or a stub first needs it: a member without either pays nothing for it. */
export type Grpc = typeof import("@grpc/grpc-js");

let loading: Promise<Grpc> | undefined;

export function loadGrpc(): Promise<Grpc> {
  loading ??= import("@grpc/grpc-js");
  return loading;
}
