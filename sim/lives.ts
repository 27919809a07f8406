/** How members begin, stop, stand still and go on: their machines, and what outlives one. */
import {
  encodeNote,
  encodeStatement,
  Machine,
  type Note,
  noteSignatureType,
  type Recipient,
  type RevocationList,
  SharedView,
  type SignedNote,
  TrustedClock,
} from "../gossip/index.js";
import { fromHex, fullMask, type MemberId } from "../rings/index.js";
import type { Chance } from "./chance.js";
import type { Dates } from "./crypto/crypto.js";
import { WALL_START } from "./dates.js";
import type { Engine } from "./engine.js";
import { Later } from "./inputs.js";
import { addressesOf } from "./members/addresses.js";
import { ANY_LIFE, PlannedInput } from "./members/input.js";
import type { Member } from "./members/member.js";
import { Reservations, relaysFor } from "./members/reservations.js";

/** Members that the authority names to one who comes in. */
const CONTACTS = 10;
/** Milliseconds for which a revocation list says that it is the newest: a day. */
const LIST_MS = 86_400_000;
/** Members that hear of a new revocation list from the authority itself. */
const FIRST_HEARERS = 3;

/** The first pause before a member that is alone asks the authority for contacts, milliseconds, and what the doubled ones end at. */
const COMPANY_MS_FIRST = 1_000;
const COMPANY_MS_MAX = 60_000;

type Begin = { readonly shared?: SharedView; readonly known?: readonly Uint8Array[] };

export class Lives {
  readonly #engine: Engine;
  readonly #chance: Chance;

  constructor(engine: Engine, chance: Chance) {
    this.#engine = engine;
    this.#chance = chance;
    engine.onAlone = (member) => this.#seekCompany(member, COMPANY_MS_FIRST);
  }

  /** All know all at once, under notes that they signed a moment ago. */
  beginWhole(members: readonly Member[]): void {
    const { ringCount, crypto } = this.#engine;
    const shared = new SharedView({ ringCount, sha256: crypto.sha256 });
    const relays = members.filter(({ isBehindNat }) => !isBehindNat).map(({ id }) => id);
    for (const member of members) if (member.isBehindNat) member.relays = relaysFor(member, relays, members.length);
    for (const member of members) shared.add(member.certificate, this.#firstNote(member));
    for (const member of members) this.#begin(member, { shared }, "joined");
    for (const member of members) if (member.isBehindNat) new Reservations(member);
  }

  /** A first life, or one without memory: through contacts that the authority names. */
  join(member: Member): void {
    this.#begin(member, {}, "joined");
  }

  restart(member: Member, keepState: boolean): void {
    if (member.state !== "down") throw new Error(`${member.name} is not down`);
    const known = keepState ? member.machine.statements() : [];
    if (!keepState) member.savedMark = 0n;
    this.#begin(member, { known }, "restarted");
  }

  stall(member: Member): void {
    if (member.state !== "up") return;
    member.state = "stalled";
    member.stoppedAt = this.#engine.now;
    this.#engine.observers.happened({ kind: "stalled", seat: member }, this.#engine.now);
  }

  /** Sockets are read before timers run, as by the driver: what waits comes first, then the deadline. */
  resume(member: Member): void {
    if (member.state !== "stalled") return;
    const engine = this.#engine;
    this.#up(member);
    engine.observers.happened({ kind: "resumed", seat: member }, engine.now);
    for (const input of member.inbox.splice(0)) engine.deliver(input);
    member.wakeAt = Number.POSITIVE_INFINITY;
    engine.arm(member);
  }

  leave(member: Member): void {
    if (member.state !== "up") return;
    this.#engine.observers.happened({ kind: "leaving", seat: member }, this.#engine.now);
    this.#engine.deliver(new Told(member, (now) => member.machine.leave(now)));
  }

  /** Its driver takes the new certificate when it runs; one that is down finds it at its next start. */
  renew(member: Member, dates: Dates): void {
    const engine = this.#engine;
    const credentials = engine.crypto.issue(member.name, dates);
    if (member.state === "down") {
      member.credentials = credentials;
      engine.observers.happened({ kind: "renewed", seat: member }, engine.now);
      return;
    }
    const take = (now: number) => {
      member.credentials = credentials;
      engine.observers.happened({ kind: "renewed", seat: member }, now);
      member.machine.renew(credentials.certificate, now);
    };
    engine.deliver(new Told(member, take));
  }

  describe(member: Member, metadata: Uint8Array): void {
    member.metadata = metadata;
    this.#engine.deliver(new Told(member, (now) => member.machine.describe({ metadata }, now)));
  }

  /** Its NAT forgets what it knew: as after a restart of the router, or with a new address from the provider. */
  remap(member: Member): void {
    member.mapping += 1;
    this.#engine.observers.happened({ kind: "remapped", seat: member }, this.#engine.now);
  }

  listOf(number: number, members: ReadonlySet<MemberId>, issuers: ReadonlySet<string>): RevocationList {
    const issuedAt = WALL_START + Math.floor(this.#engine.now);
    const entries = { certificates: new Set<string>(), members: new Set(members), issuers: new Set(issuers) };
    return { number: BigInt(number), issuedAt, nextUpdate: issuedAt + LIST_MS, ...entries };
  }

  /** A few of those that are up ask the authority, and gossip does the rest. */
  publish(list: RevocationList): void {
    const bytes = encodeStatement({ kind: "revocation", list: this.#engine.crypto.signRevocations(list) });
    const hears = ({ id, state }: Member) => state === "up" && !list.members.has(id);
    for (const hearer of this.#draw(FIRST_HEARERS, hears)) {
      this.#engine.deliver(new Told(hearer, (now) => hearer.machine.learn([bytes], now)));
    }
  }

  /** As client/company.ts, but more slowly: new contacts, again and again while it is alone. */
  #seekCompany(member: Member, pauseMs: number): void {
    const { machine } = member;
    const look = () => {
      if (machine.members().length > 0) return;
      const contacts = this.#contactsFor(member);
      machine.addContacts(contacts.map(recipientOf));
      machine.learn(contacts.map(certificateOf), this.#engine.now);
      this.#seekCompany(member, Math.min(2 * pauseMs, COMPANY_MS_MAX));
    };
    this.#engine.plan(pauseMs, new Later(member, member.life, look));
  }

  #begin(member: Member, begin: Begin, kind: "joined" | "restarted"): void {
    const engine = this.#engine;
    const contacts = begin.shared ? [] : this.#contactsFor(member);
    if (!begin.shared) member.relays = [];
    member.life += 1;
    member.viewVersion = 0;
    member.machine = this.#newMachine(member, contacts.map(recipientOf), begin);
    member.startedAt = engine.now;
    member.wakeAt = Number.POSITIVE_INFINITY;
    member.inbox = [];
    this.#up(member);
    if (member.gossip) member.machine.setGossipContent(member.gossip);
    engine.observers.happened({ kind, seat: member }, engine.now);
    engine.deliver(new Told(member, (now) => member.machine.start(now)));
    // Where all begin at once, relays have to be there first.
    if (member.isBehindNat && !begin.shared) this.#settleBehindNat(member, contacts);
    engine.behave(member);
  }

  /** Nobody can come to it: while it knows nobody it asks the authority again. */
  #settleBehindNat(member: Member, contacts: readonly Member[]): void {
    new Reservations(member, contacts);
    this.#seekCompany(member, COMPANY_MS_FIRST);
  }

  #up(member: Member): void {
    member.state = "up";
    member.stoppedAt = undefined;
    member.backAt = this.#engine.now;
  }

  #newMachine(member: Member, contacts: readonly Recipient[], { shared, known = [] }: Begin): Machine {
    const engine = this.#engine;
    return new Machine({
      certificate: member.certificate,
      ringCount: engine.ringCount,
      settings: engine.settings,
      ports: {
        sha256: engine.crypto.sha256,
        read: engine.read,
        random: member.chance.fork(),
        sign: (type, body) => {
          engine.observers.signed(member, type, body, engine.now);
          return member.credentials.sign(type, body);
        },
        clock: new TrustedClock(() => engine.wall(member)),
      },
      savedMark: member.savedMark,
      agreementKey: agreementKeyOf(member),
      addresses: addressesOf(member),
      metadata: member.metadata,
      contacts,
      known,
      ...(shared && { shared }),
    });
  }

  #firstNote(member: Member): SignedNote {
    const { certificate } = member;
    const note: Note = {
      id: member.id,
      certificate: certificate.hash,
      epoch: BigInt(WALL_START),
      leaving: false,
      mask: fullMask(this.#engine.ringCount),
      agreementKey: agreementKeyOf(member),
      addresses: addressesOf(member),
      metadata: member.metadata,
    };
    const body = encodeNote(note, fromHex(certificate.hash) as Uint8Array);
    return { ...note, body, signature: member.credentials.sign(noteSignatureType(note), body) };
  }

  /** The authority has heard of those that stand still a moment ago, and names nobody that a newcomer cannot dial. */
  #contactsFor(member: Member): Member[] {
    return this.#draw(CONTACTS, (other) => other !== member && other.state !== "down" && !other.isBehindNat);
  }

  /** Some of those for whom this holds, drawn without looking at all of them. */
  #draw(count: number, holds: (member: Member) => boolean): Member[] {
    const { members } = this.#engine;
    const drawn = new Set<Member>();
    for (let attempt = 0; attempt < 8 * count && drawn.size < count; attempt++) {
      const member = members[this.#chance.below(members.length)]!;
      if (holds(member)) drawn.add(member);
    }
    if (drawn.size === 0) {
      const any = members.find(holds);
      if (any) drawn.add(any);
    }
    return [...drawn];
  }
}

/** Something that a member's own program asks of its machine. */
class Told extends PlannedInput {
  readonly #tell: (now: number) => void;

  constructor(member: Member, tell: (now: number) => void) {
    super(member, ANY_LIFE);
    this.#tell = tell;
  }

  run(_member: Member, now: number): void {
    this.#tell(now);
  }
}

function recipientOf({ address }: Member): Recipient {
  return { id: undefined, addresses: [address] };
}

function certificateOf({ certificate }: Member): Uint8Array {
  return encodeStatement({ kind: "certificate", chain: certificate });
}

/** 32 bytes that look like a key: nothing is encrypted here. */
function agreementKeyOf({ id }: Member): Uint8Array {
  return fromHex(id) as Uint8Array;
}
