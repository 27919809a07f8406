/** How a transport finds the other side, and what it says when it does not. */
import assert from "node:assert/strict";
import { setImmediate as turn } from "node:timers/promises";
import { DialError, type DialReason } from "../../net/index.js";
import type { Promised } from "./promised.js";
import { rejects } from "./scene.js";
import type { TransportSubject } from "./subject.js";

const CODES: Readonly<Partial<Record<DialReason, string>>> = { timeout: "timeout", cancelled: "cancelled" };

export const DIALLING: readonly Promised[] = [
  {
    title: "tells both sides where the other one is",
    async run(scene) {
      const { from, bound } = await scene.pair();
      const { host, diallerHost = host } = scene.subject;
      assert.deepEqual([bound.address.scheme, bound.address.host], [scene.scheme, host]);
      assert.deepEqual([from.scheme, from.host], [scene.scheme, diallerHost]);
    },
  },
  {
    title: "listens at a free port when asked for 0, and tells both sides the other one's",
    needsPorts: true,
    async run(scene) {
      const { from, bound } = await scene.pair();
      const other = await scene.listen();
      assert.ok(bound.address.port > 0 && from.port > 0);
      assert.notEqual(other.address.port, bound.address.port);
    },
  },
  {
    title: "listens where nobody else does, and again after close",
    needsPorts: true,
    async run(scene) {
      const bound = await scene.listen();
      const { port } = bound.address;
      await rejects(
        scene.listen(() => {}, port),
        "address-in-use",
      );
      await bound.close();
      assert.equal((await scene.listen(() => {}, port)).address.port, port);
    },
  },
  {
    title: "says that nobody listens, as evidence",
    async run(scene) {
      const bound = await scene.listen();
      await bound.close();
      const failure = scene.dial(bound);
      await rejects(failure, "peer-unreachable", "refused");
      assert.ok((await failure.catch((error: unknown) => error)) instanceof DialError, "A failed dial is a DialError.");
    },
  },
  {
    title: "does not dial when its signal has fired, and stops when it fires",
    async run(scene) {
      const { address } = await scene.listen();
      await rejects(scene.dialling.dial(address, { signal: AbortSignal.abort() }), "cancelled", "cancelled");
      const controller = new AbortController();
      const dialling = scene.dialling.dial(address, { signal: controller.signal });
      controller.abort();
      await rejects(dialling, "cancelled", "cancelled");
    },
  },
  {
    title: "is not touched by a signal that fires once it has connected",
    async run(scene) {
      const bound = await scene.listen((connection) => connection.pipe(connection));
      const controller = new AbortController();
      const near = scene.kept(await scene.dialling.dial(bound.address, { signal: controller.signal }));
      controller.abort();
      await turn();
      assert.equal(near.destroyed, false);
    },
  },
  {
    title: "stops while the other side says nothing",
    needs: "silent",
    async run(scene) {
      const address = await scene.place(scene.subject.silent!);
      const controller = new AbortController();
      const dialling = scene.dialling.dial(address, { signal: controller.signal });
      dialling.catch(() => {});
      await turn();
      controller.abort();
      await rejects(dialling, "cancelled", "cancelled");
    },
  },
];

/** One promise for each reason of which the subject has an example. */
export function failing({ failures = {} }: TransportSubject): Promised[] {
  return (Object.keys(failures) as DialReason[]).map((reason) => ({
    title: `says why a dial fails: ${reason}`,
    run: async (scene) => {
      const address = await scene.place(failures[reason]!);
      await rejects(scene.dial({ address }), CODES[reason] ?? "peer-unreachable", reason);
    },
  }));
}
