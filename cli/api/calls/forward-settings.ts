/** Settings of forwards, listeners, proxies, servers of files and measurements as they come over the API: which keys there are, and of what type. */
import type { BenchSettings } from "../../../services/bench/serve.js";
import type { ForwardSettings, ListenSettings, ProxySettings } from "../../../services/forward/index.js";
import type { FilesSettings } from "../../../services/http/index.js";
import { malformed } from "../failure.js";

export type Carried =
  | { readonly kind: "forward"; readonly settings: ForwardSettings }
  | { readonly kind: "listen"; readonly settings: ListenSettings }
  | { readonly kind: "proxy"; readonly settings: ProxySettings }
  | { readonly kind: "http"; readonly settings: FilesSettings }
  | { readonly kind: "bench"; readonly settings: BenchSettings };

type Form = "text" | "number" | "texts" | "map";
/** Keys with "?" may be left out. */
type Forms = Readonly<Record<string, Form | `${Form}?`>>;

const FORMS: Readonly<Record<Carried["kind"], Forms>> = {
  forward: {
    ...{ target: "text", protocol: "text?", allow: "texts?", connections: "number?", connectionsPerPeer: "number?" },
    ...{ idleMs: "number?", dialMs: "number?" },
  },
  listen: { to: "text", protocol: "text", listen: "text", connections: "number?", idleMs: "number?" },
  proxy: {
    ...{ listen: "text", ports: "map?", user: "text?", password: "text?", connections: "number?", idleMs: "number?" },
  },
  http: {
    ...{ root: "text", protocol: "text?", service: "text?", allow: "texts?" },
    ...{ connections: "number?", connectionsPerPeer: "number?" },
  },
  bench: { allow: "texts?" },
};

const isText = (value: unknown) => typeof value === "string";
const IS: Readonly<Record<Form, (value: unknown) => boolean>> = {
  text: isText,
  number: (value) => typeof value === "number",
  texts: (value) => Array.isArray(value) && value.every(isText),
  map: (value) => typeof value === "object" && value !== null && Object.values(value).every(isText),
};

/** What a frame says is to be carried. Throws "control-malformed". */
export function readCarried(bytes: Uint8Array): Carried {
  const { kind, settings } = parsed(bytes);
  const forms = typeof kind === "string" && Object.hasOwn(FORMS, kind) ? FORMS[kind as Carried["kind"]] : undefined;
  if (forms === undefined || typeof settings !== "object" || settings === null) {
    throw malformed(`Nothing of the kind ${JSON.stringify(kind)} is carried.`);
  }
  const keys = Object.keys(settings);
  const unknown = keys.find((key) => !Object.hasOwn(forms, key));
  if (unknown !== undefined) throw malformed(`A ${kind} has no setting ${JSON.stringify(unknown)}.`);
  for (const [key, form] of Object.entries(forms)) check(key, form, (settings as Record<string, unknown>)[key]);
  return { kind, settings } as Carried;
}

function check(key: string, form: Form | `${Form}?`, value: unknown): void {
  const isOptional = form.endsWith("?");
  if (value === undefined && isOptional) return;
  const type = form.replace("?", "") as Form;
  if (!IS[type](value)) throw malformed(`The setting ${key} is missing, or not of the type ${type}.`);
}

function parsed(bytes: Uint8Array): { readonly kind?: unknown; readonly settings?: unknown } {
  try {
    return Object(JSON.parse(new TextDecoder().decode(bytes)));
  } catch {
    throw malformed("What is to be carried is said in JSON.");
  }
}
