/**
 * The section `services:` of an agent: names of services, each with a kind and settings of that kind. What the kinds are,
 * and what they take, is known elsewhere (services/controllers/): here their settings are values with a line.
 */
import { badValue, type RawSetting } from "./layers.js";
import { entriesOf, type Section } from "./section.js";

/** One service as it was said. */
export interface ServiceEntry {
  readonly id: string;
  readonly kind: string;
  readonly settings: readonly RawSetting[];
  /** For messages: "fireflies.yaml, line 3". */
  readonly where: string;
}

/** Services of one member: each may hold a port, and some memory. */
export const SERVICES_MAX = 256;
/** An id stands in paths and in tables. */
const SERVICE_ID = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;
const KIND = "kind";

/** Throws "config-bad-value". */
export function serviceEntries(section: Section): readonly ServiceEntry[] {
  const entries = entriesOf(section);
  if (entries.length > SERVICES_MAX)
    throw badValue(`${section.where}: ${section.key} has ${entries.length} services, and at most ${SERVICES_MAX}.`);
  return entries.map(entryOf);
}

function entryOf(section: Section): ServiceEntry {
  const { key: id, where } = section;
  if (!SERVICE_ID.test(id)) {
    throw badValue(
      `${where}: a service cannot be called ${JSON.stringify(id.slice(0, 64))}.`,
      "Use A-Z a-z 0-9 . _ -.",
    );
  }
  const settings = entriesOf(section);
  const kind = settings.find(({ key }) => key === KIND);
  if (typeof kind?.value !== "string") {
    throw badValue(`${kind?.where ?? where}: the service ${id} needs a kind.`, `Say kind: forward, for instance.`);
  }
  return { id, kind: kind.value, settings: settings.filter((each) => each !== kind), where };
}
