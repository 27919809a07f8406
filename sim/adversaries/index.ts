/** The adversaries by name: what `fireflies sim --adversary NAME` takes. Names are stable; docs/adversaries.md says more of each. */
import type { Behaviour } from "../actor.js";
import { plot } from "../puppets/plot.js";
import type { Program } from "../puppets/program.js";
import * as programs from "../puppets/programs.js";
import { Script } from "../puppets/script.js";
import { Blackout } from "./accusations/blackout.js";
import { EpochAccuser } from "./accusations/epoch-accuser.js";
import { FalseAccuser } from "./accusations/false-accuser.js";
import { FalseWitness } from "./accusations/false-witness.js";
import { Leapfrog } from "./accusations/leapfrog.js";
import { Mob } from "./accusations/mob.js";
import { Pesterer } from "./accusations/pesterer.js";
import { RingAccuser } from "./accusations/ring-accuser.js";
import { Storm } from "./accusations/storm.js";
import { StrangerAccuser } from "./accusations/stranger-accuser.js";
import { Trapdoor } from "./accusations/trapdoor.js";
import { Whisperer } from "./accusations/whisperer.js";
import { Ensemble } from "./ensemble.js";
import { AccusationFlooder } from "./floods/accusation-flooder.js";
import { CertificateFlooder } from "./floods/certificate-flooder.js";
import { FingerprintLiar } from "./floods/fingerprint-liar.js";
import { Hog } from "./floods/hog.js";
import { NoteFlooder } from "./floods/note-flooder.js";
import { PacketFlooder } from "./floods/packet-flooder.js";
import { AddressLiar } from "./notes/address-liar.js";
import { Equivocator } from "./notes/equivocator.js";
import { LastEpoch } from "./notes/last-epoch.js";
import { MaskAbuser } from "./notes/mask-abuser.js";
import { Replayer } from "./notes/replayer.js";
import { Censor } from "./omissions/censor.js";
import { Displacer } from "./omissions/displacer.js";
import { Eclipser } from "./omissions/eclipser.js";
import { Flapper } from "./omissions/flapper.js";
import { Keeper } from "./omissions/keeper.js";
import { Mute } from "./omissions/mute.js";
import { RebuttalDropper } from "./omissions/rebuttal-dropper.js";
import * as relays from "./omissions/relay-liar.js";
import { Silent } from "./omissions/silent.js";
import { Slow } from "./omissions/slow.js";
import { Sleeper } from "./sleeper.js";

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
