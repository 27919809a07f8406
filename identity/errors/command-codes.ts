/** Codes of the command line, of an agent's API, and of a rendezvous: a part of the table in codes.ts. */

export const COMMAND_CODES = {
  "cli-usage": { meaning: "The command line is wrong.", remedy: "See `fireflies COMMAND --help`." },
  "agent-unreachable": {
    meaning: "No agent answers on the control socket of this directory, or at this address.",
    remedy: "Start one with `fireflies agent --dir D`, or correct --dir or --api.",
  },
  "agent-forbidden": {
    meaning:
      "This user, token, certificate or page may not use the agent's API, or what answers is not the agent that was meant.",
    remedy:
      "Run the command as the user that runs the agent; or give the agent's token, or a member's directory that api_allow names.",
  },
  "admin-closed": {
    meaning: "The agent has no admin port, which shows its page.",
    remedy: "Start it with `--admin 0` or the key `admin`.",
  },
  "agent-stopped": {
    meaning: "The agent ended while a command was waiting for it.",
    remedy: "Start it again with `fireflies agent --dir D`.",
  },
  "agent-failed": {
    meaning: "The agent could not do what it was asked, for a reason of its own.",
    remedy: "Read the message. If it makes no sense, report it as a bug.",
  },
  "control-malformed": {
    meaning: "A request to the agent's API, or its answer, is malformed, too long, or of another version.",
    remedy: "Use the same version of `fireflies` for the agent and for the command.",
  },
  "permission-model": {
    meaning: "Node's permission model (--permission) forbids what this needs.",
    remedy: "Grant it: docs/packaging.md says which flags a member, an agent and an authority need.",
  },
  "control-unavailable": {
    meaning:
      "The disk of the agent's directory is full or read-only: the agent runs, and no command reaches it. An alarm.",
    remedy: "Make room, or give the agent a directory that it may write to, and start it again.",
  },
  "control-busy": {
    meaning: "The agent serves as many commands as it may at once.",
    remedy: "End some of them and try again.",
  },
  "feed-failed": {
    meaning: "What the agent tells readers of a member's events has failed. Readers are told this, and end.",
    remedy: "Read again: it begins anew with a snapshot. If it fails again, report it with the agent's log.",
  },
  "views-differ": {
    meaning: "Two views do not have the same members: what `fireflies view diff` looked for.",
    remedy: "Read why beside each. In the seconds after a change it is as it should be.",
  },
  "id-unknown": {
    meaning: "No live member has this name or id, or an id that begins like this.",
    remedy: "See `fireflies members` for names and ids; with --all it shows who was there.",
  },
  "id-ambiguous": {
    meaning: "Several live members have this name, or ids that begin like this.",
    remedy: "Give the id of one of them, or enough of its digits.",
  },
  "service-exists": {
    meaning: "The agent has a service of this name already.",
    remedy: "Choose another name, or remove that one first: `fireflies services remove ID`.",
  },
  "service-unknown": {
    meaning: "The agent has no service of this name.",
    remedy: "`fireflies services` lists them.",
  },
  "identity-unknown": {
    meaning: "The agent has no member of this name, id or directory.",
    remedy: "`fireflies identities` lists them.",
  },
  "demo-failed": {
    meaning: "A step of the demonstration did not happen in time.",
    remedy: "Read the step and the agents' last lines in the message; a machine under heavy load may just be slow.",
  },
  "sim-violated": {
    meaning: "An invariant of the protocol did not hold in a simulated run.",
    remedy: "The seed repeats it: see docs/simulator.md, and report it with the command that was printed.",
  },
  "package-missing": {
    meaning: "A package that only some commands need is not installed: npm was told to leave optional ones out.",
    remedy: "Run `npm install --include=optional`. A member alone needs none of them.",
  },
  "rdv-handshake": {
    meaning: "The rendezvous server refused the meeting, or is none.",
    remedy: "Read the status and the line that it gave; check the URL with its prefix, and the token.",
  },
  "rdv-unreachable": {
    meaning: "There is no connection with the rendezvous server.",
    remedy: "Check the URL, and for https --ca; `fireflies rdv serve` prints the URL of a server.",
  },
  "rdv-timeout": {
    meaning: "The peer did not come to the rendezvous in time.",
    remedy: "Start the other end with the same URL and token: one dials, one accepts.",
  },
  "rdv-closed": {
    meaning: "The rendezvous server or the peer ended the connection.",
    remedy: "Start both ends again.",
  },
  "rdv-protocol": {
    meaning: "The rendezvous server or the peer speaks another protocol than rdv/1.",
    remedy: "Check what answers at the URL; docs/rdv.md has the protocol.",
  },
  "address-in-use": {
    meaning: "The address to listen on is taken or not allowed.",
    remedy: "Choose another port, or 0 for any free one.",
  },
} as const;
