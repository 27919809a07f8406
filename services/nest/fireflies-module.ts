/**
 * A module of NestJS whose provider is a `Client`, and whose life is that of the application. NestJS is needed for its types alone:
 * a dynamic module is a plain value, so nothing of it is loaded here, and no decorator is used.
 */
import type { DynamicModule, ModuleMetadata, Provider } from "@nestjs/common";
import { Client } from "../../client/client.js";
import type { ClientOptions } from "../../client/config/index.js";
import { requireDrain } from "../../client/talk/misuse.js";

export interface FirefliesModuleOptions {
  /** Of the member, or a client that has not started. Without it the configuration is fireflies.yaml and FIREFLIES_* variables. */
  readonly client?: ClientOptions | Client | undefined;
  /** Registers what the member handles, before it starts: alarms, for instance. */
  readonly prepare?: ((client: Client) => void) | undefined;
  /** Of `Client.stop`, milliseconds. */
  readonly drain?: number | undefined;
  /** Is the client there for all modules, or for those alone that import this one? True by default. */
  readonly isGlobal?: boolean | undefined;
}

/** As of other modules: where options come from other providers. */
export interface FirefliesModuleAsyncOptions extends Pick<ModuleMetadata, "imports"> {
  readonly inject?: readonly unknown[] | undefined;
  // biome-ignore lint/suspicious/noExplicitAny: what is injected is named by `inject`, as with every provider of NestJS.
  readonly useFactory: (...injected: any[]) => FirefliesModuleOptions | Promise<FirefliesModuleOptions>;
  readonly isGlobal?: boolean | undefined;
}

const OPTIONS = Symbol("fireflies options");
const LIFE = Symbol("fireflies life");

/**
 * `imports: [FirefliesModule.forRoot({ client: { ... } })]`; then `constructor(private readonly fireflies: Client)` in any provider
 * or controller. Providers register what they handle in their constructor or in `onModuleInit`; the member starts in
 * `onApplicationBootstrap`, and stops in `onApplicationShutdown`, after the application's own server has closed. A start that
 * fails fails `app.init()` and `app.listen()`.
 */
// biome-ignore lint/complexity/noStaticOnlyClass: NestJS names a module by its class.
export class FirefliesModule {
  static forRoot(options: FirefliesModuleOptions = {}): DynamicModule {
    return moduleOf({ provide: OPTIONS, useValue: options }, options.isGlobal);
  }

  static forRootAsync({ imports, inject, useFactory, isGlobal }: FirefliesModuleAsyncOptions): DynamicModule {
    const provider = { provide: OPTIONS, useFactory, inject: [...(inject ?? [])] as never[] };
    return { ...moduleOf(provider, isGlobal), ...(imports && { imports }) };
  }
}

function moduleOf(options: Provider, isGlobal = true): DynamicModule {
  const client: Provider = { provide: Client, useFactory: clientOf, inject: [OPTIONS] };
  const life: Provider = {
    provide: LIFE,
    useFactory: (member: Client, { drain }: FirefliesModuleOptions) => new Life(member, drain),
    inject: [Client, OPTIONS],
  };
  return { module: FirefliesModule, global: isGlobal, providers: [options, client, life], exports: [Client] };
}

function clientOf({ client, prepare, drain }: FirefliesModuleOptions): Client {
  if (drain !== undefined) requireDrain(drain);
  const made = client instanceof Client ? client : new Client(client);
  prepare?.(made);
  return made;
}

/** Hooks of NestJS, which it finds by their names. */
class Life {
  readonly #client: Client;
  readonly #drain: number | undefined;

  constructor(client: Client, drain: number | undefined) {
    this.#client = client;
    this.#drain = drain;
  }

  async onApplicationBootstrap(): Promise<void> {
    await this.#client.start();
  }

  async onApplicationShutdown(): Promise<void> {
    await this.#client.stop(this.#drain === undefined ? {} : { drain: this.#drain });
  }
}
