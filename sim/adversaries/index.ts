/** The adversaries by name: what `fireflies sim --adversary NAME` takes. Names are stable; docs/adversaries.md says more of each. */
import type { Behaviour } from "../actor.js";
import { plot } from "../puppets/plot.js";
import type { Program } from "../puppets/program.js";
import * as programs from "../puppets/programs.js";
import { Script } from "../puppets/script.js";
import { AccusationFlooder } from "./accusation-flooder.js";
import { AddressLiar } from "./address-liar.js";
import { Blackout } from "./blackout.js";
import { Censor } from "./censor.js";
import { CertificateFlooder } from "./certificate-flooder.js";
import { Displacer } from "./displacer.js";
import { Eclipser } from "./eclipser.js";
import { Ensemble } from "./ensemble.js";
import { EpochAccuser } from "./epoch-accuser.js";
import { Equivocator } from "./equivocator.js";
import { FalseAccuser } from "./false-accuser.js";
import { FalseWitness } from "./false-witness.js";
import { FingerprintLiar } from "./fingerprint-liar.js";
import { Flapper } from "./flapper.js";
import { Hog } from "./hog.js";
import { Keeper } from "./keeper.js";
import { LastEpoch } from "./last-epoch.js";
import { Leapfrog } from "./leapfrog.js";
import { MaskAbuser } from "./mask-abuser.js";
import { Mob } from "./mob.js";
import { Mute } from "./mute.js";
import { NoteFlooder } from "./note-flooder.js";
import { PacketFlooder } from "./packet-flooder.js";
import { Pesterer } from "./pesterer.js";
import { RebuttalDropper } from "./rebuttal-dropper.js";
import * as relays from "./relay-liar.js";
import { Replayer } from "./replayer.js";
import { RingAccuser } from "./ring-accuser.js";
import { Silent } from "./silent.js";
import { Sleeper } from "./sleeper.js";
import { Slow } from "./slow.js";
import { Storm } from "./storm.js";
import { StrangerAccuser } from "./stranger-accuser.js";
import { Trapdoor } from "./trapdoor.js";
import { Whisperer } from "./whisperer.js";

export interface Adversary {
  /** What it does, in a line. */
  readonly about: string;
  /** A new one, for one liar. */
  create(): Behaviour;
}

/** Virtual milliseconds for which sleepers behave: two hours. */
export const SLEEP_MS = 2 * 60 * 60 * 1000;

type Named = readonly [string, string, () => Behaviour];

/** One that all liars play together, moved by one head. */
function played(name: string, about: string, program: Program): Named {
  return [name, about, plot(name, () => new Script(program))];
}

const PLAYED: readonly Named[] = [
  played(
    "two-faced-leaver",
    "the liar before the victim has left for all but the victim; the one behind accuses",
    programs.TWO_FACED_LEAVER,
  ),
  played("two-faced-few", "the same, but it has left for a few members only", programs.TWO_FACED_FEW),
  played("two-faced-one", "the same, but it has left for a single member only", programs.TWO_FACED_ONE),
  played("two-faced-crowd", "the same, of as many victims at once as there are places", programs.TWO_FACED_CROWD),
  played(
    "two-faced-quiet",
    "the same, and liars tell the victim nothing and pass no answer on",
    programs.TWO_FACED_QUIET,
  ),
  played(
    "proof-jam",
    "the liar before the victim is caught lying by all but the victim; the one behind accuses",
    programs.PROOF_JAM,
  ),
  played(
    "ghost-accuser",
    "accuses under a certificate that has ended for the victim, and for others not yet",
    programs.GHOST_ACCUSER,
  ),
  played(
    "forgotten-leaver",
    "has left under a certificate that the victim forgets first, and lives again for the victim",
    programs.FORGOTTEN_LEAVER,
  ),
  played("splitter", "keeps half of the views holding it as left, and half as live", programs.SPLITTER),
  played("doorstep", "accuses newcomers before they can have the accuser's certificate", programs.DOORSTEP),
];

/** Those that all liars play together: what bench/claims/plots.mjs tries. */
export const PLOTS: readonly string[] = PLAYED.map(([name]) => name);

const SINGLE: readonly Named[] = [
  ["false-accuser", "accuses whoever it monitors, on every ring, again after each rebuttal", () => new FalseAccuser()],
  ["mob", "all liars accuse one victim on all rings at once, then the next one", () => new Mob()],
  ["whisperer", "accuses, and tells everybody but the accused", () => new Whisperer()],
  ["blackout", "accuses all correct members at one moment, and passes no answer on", () => new Blackout()],
  ["storm", "accuses everybody on every ring at all times, past all that stand accused", () => new Storm()],
  ["leapfrog", "accuses the victim past correct members that are accused at the same moment", () => new Leapfrog()],
  ["trapdoor", "a liar before the victim drops out, and the one behind it is a predecessor", () => new Trapdoor()],
  ["pesterer", "keeps the victim's epoch spinning, and accuses while it must wait", () => new Pesterer()],
  ["stranger-accuser", "accuses members that it does not monitor", () => new StrangerAccuser()],
  ["false-witness", "tells everybody that it stands accused, on all rings", () => new FalseWitness()],
  ["epoch-accuser", "accuses at stale, future and impossible epochs", () => new EpochAccuser()],
  ["ring-accuser", "accuses on disabled and unknown rings, and itself", () => new RingAccuser()],
  ["mask-abuser", "notes with impossible masks and epochs", () => new MaskAbuser()],
  ["last-epoch", "a note with the last epoch that there is", () => new LastEpoch()],
  ["equivocator", "two notes of one epoch, one for each half of the network", () => new Equivocator()],
  ["mute", "answers pings, and nothing else", () => new Mute()],
  ["silent", "answers nothing", () => new Silent()],
  ["censor", "drops all about one victim, and tells it that nothing is new", () => new Censor()],
  ["rebuttal-dropper", "passes accusations on, and no answer", () => new RebuttalDropper()],
  ["eclipser", "shows newcomers a network of liars only", () => new Eclipser()],
  ["replayer", "says old statements again, with other signatures and bytes behind them too", () => new Replayer()],
  ["packet-flooder", "junk, huge and dear packets without end", () => new PacketFlooder()],
  ["note-flooder", "spins its own epoch, with long metadata", () => new NoteFlooder()],
  ["accusation-flooder", "hundreds of well-signed accusations that never stand", () => new AccusationFlooder()],
  ["certificate-flooder", "certificates of identities that never say anything", () => new CertificateFlooder()],
  ["fingerprint-liar", "pings with random fingerprints", () => new FingerprintLiar()],
  ["hog", "makes everybody call it, and holds each call until its deadline", () => new Hog()],
  ["slow", "answers just before the deadline", () => new Slow()],
  ["address-liar", "notes that point at somebody else's address", () => new AddressLiar()],
  ["keeper", "keeps the dead: drops what stands against them, says their old notes again", () => new Keeper()],
  ["displacer", "accuses the dead first, then makes that void", () => new Displacer()],
  ["flapper", "silent for seven seconds, there for seven", () => new Flapper()],
  ...PLAYED,
];

/** Those that lie as relays: without members behind NATs they do nothing, so "all" is without them. */
const RELAYING: readonly Named[] = [
  ["relay-dropper", "takes what it is to relay, and passes nothing on", relays.dropper],
  ["relay-delayer", "passes on what it relays, too late to help", relays.delayer],
  ["relay-refuser", "says that the member it relays for refuses", relays.refuser],
  ["relay-gravedigger", "says that the member it relays for is gone", relays.gravedigger],
  ["relay-one-way", "relays what goes to a member, and drops what comes back", relays.oneWay],
  ["relay-turncoat", "one of these after the other, for each caller another one", relays.turncoat],
];

/** Those that lie as relays (rule R21). */
export const RELAY_ADVERSARIES: readonly string[] = RELAYING.map(([name]) => name);

/** Those that "all" stands for. */
export const EVERY_ADVERSARY: readonly string[] = SINGLE.map(([name]) => name);

function everyOne(): Behaviour {
  return new Ensemble(
    "all",
    SINGLE.map(([, , create]) => create()),
  );
}

export const ADVERSARIES: ReadonlyMap<string, Adversary> = new Map<string, Adversary>([
  ...[...SINGLE, ...RELAYING].map(([name, about, create]) => [name, { about, create }] as const),
  [
    "sleeper",
    { about: "behaves for two hours, then does all of these", create: () => new Sleeper(everyOne(), SLEEP_MS) },
  ],
  ["all", { about: "every one of these in turns, two at a time in every liar", create: everyOne }],
]);

/** Undefined for a name that there is not. */
export function adversary(name: string): Adversary | undefined {
  return ADVERSARIES.get(name);
}
