/** The table of stable codes that errors carry. Docs and exit codes are made from it. */
import { COMMAND_CODES } from "./command-codes.js";
import { DISCOVERY_CODES } from "./discovery-codes.js";
import { NATS_CODES } from "./nats-codes.js";

/** A row of the table of codes. */
export interface ErrorCodeEntry {
  readonly meaning: string;
  readonly remedy: string;
}

/** Every code that a `FirefliesError` can carry. Codes are for programs and never change; messages are for people and may. */
export const ERROR_CODES = {
  // Identity on disk
  "identity-missing": {
    meaning: "The directory holds no identity: key.pem, certificate.pem or root.pem is absent.",
    remedy: "Enrol with a token, or copy the identity that `fireflies ca sign` wrote.",
  },
  "identity-exists": {
    meaning: "The directory to write an identity to already holds one.",
    remedy: "Choose another directory, or move its files away first: without its key a member is another one.",
  },
  "identity-unreadable": {
    meaning: "A file of the identity exists but could not be read.",
    remedy: "Give the user that runs the member read access to the directory.",
  },
  "identity-corrupt": {
    meaning: "The files of the identity are damaged or do not belong together.",
    remedy: "Restore the directory from a backup, or remove the files and enrol again with a new token.",
  },
  "identity-expired": {
    meaning: "The member's certificate is past its end.",
    remedy: "Enrol again with a new token for the same name: the member id stays the same.",
  },
  "directory-unsafe": {
    meaning:
      "A directory of a member or an authority belongs to another user, or its group or everybody may write to it.",
    remedy: "Run as the directory's owner, and chmod 700 it; or use another one, which is made with mode 700.",
  },
  "directory-exposed": {
    meaning:
      "Another user owns, or may write to, a directory above that of a member or an authority, and could put another one in its place.",
    remedy: "Keep it under directories that only root and its own user may write to, or that are sticky, as /tmp is.",
  },
  "key-file-permissions": {
    meaning: "A private key file may be read by its group or by others.",
    remedy: "chmod 600 the file. If others may have read it, enrol again with a new key.",
  },
  "passphrase-required": {
    meaning: "A private key file is encrypted, and no passphrase was given.",
    remedy: "Give it with --passphrase-file or FIREFLIES_CA_PASSPHRASE, or run the command in a terminal, which asks.",
  },
  "passphrase-wrong": {
    meaning: "The passphrase does not open the private key file.",
    remedy: "Give the one that the key was last encrypted with.",
  },
  "passphrase-invalid": {
    meaning: "The passphrase has fewer than 8 or more than 1,024 characters, or holds control characters.",
    remedy: "Choose another one: five random words will do.",
  },
  "signer-unavailable": {
    meaning: "The key on the security module cannot be used.",
    remedy: "Check the PKCS#11 URI, the PIN, the module's path, and that pkcs11js is installed.",
  },
  "import-invalid": {
    meaning: "The file to import holds no authority that can be used here.",
    remedy:
      "Give a PKCS#12 or PEM file with a self-signed CA certificate and its key (RSA from 2,048 bits, P-256 or P-384).",
  },
  "input-failed": {
    meaning: "Something that a command reads, a file or its standard input, cannot be read.",
    remedy: "Check the path, and the permissions of the user that runs the command.",
  },
  "output-failed": {
    meaning: "The output of a command, a file or a stream, could not be written.",
    remedy: "Check the path, its permissions and free space, and whoever reads what is written.",
  },
  "state-write-failed": {
    meaning: "State could not be written to disk.",
    remedy: "Check free space, permissions and the disk.",
  },
  // Certificates and requests
  "certificate-invalid": {
    meaning: "A certificate does not pass the checks of this network.",
    remedy: "Check that both sides belong to the same authority and network, and that their clocks agree.",
  },
  "request-invalid": {
    meaning: "The certificate request is malformed, not signed by its key, or its key is not P-256.",
    remedy:
      "Create the request with this package, or as a PKCS#10 request in DER with a P-256 key, signed with SHA-256, SHA-384 or SHA-512.",
  },
  // Links, messages and streams between members
  timeout: {
    meaning: "There was no answer before the deadline.",
    remedy: "Try again, allow more time, or look at the other member's load.",
  },
  cancelled: { meaning: "The caller cancelled the call.", remedy: "Nothing, if that was meant." },
  "member-unreachable": {
    meaning:
      "Other members see a member live, and this one cannot reach it. An alarm; `reachable` in `members()` says it too.",
    remedy: "Look at the network and firewalls between the two, and at the address that the member advertises.",
  },
  "peer-unreachable": {
    meaning: "The member could not be connected to.",
    remedy: "Check that it runs and that its address can be reached from here.",
  },
  "relay-declined": {
    meaning: "A member was asked to relay, and relays for nobody: it was told so, or nobody can dial it.",
    remedy: "Nothing: another relay is asked. `relay: false` in its configuration is what it was told.",
  },
  "relay-full": {
    meaning: "A relay has reached one of its limits; the message says when it may be asked again.",
    remedy: "Wait; other relays are asked meanwhile. The relay's limits are its keys `relay_*`.",
  },
  "relay-absent": {
    meaning: "A relay says that the wanted member has no reservation there, or is not connected to it now.",
    remedy:
      "Nothing: other relays of the member are asked. It is the relay's word, and no sign that the member is gone.",
  },
  "relay-ended": {
    meaning: "A relay has ended a connection that it passed on: it stops, or the time for one connection is over.",
    remedy: "Try again: another relay, or a new connection, carries it.",
  },
  "peer-mismatch": {
    meaning: "Another member than the expected one answers at this address.",
    remedy: "Look the member up again: it has moved, or another one has its address now.",
  },
  "peer-refused": {
    meaning: "The member does not accept calls from this one.",
    remedy: "See the reason in the message; a member that was removed returns by itself.",
  },
  "clock-stepped": {
    meaning:
      "The wall clock was set by more than five minutes, or the machine slept. Certificates are judged by the old time until the authority confirms the new one.",
    remedy:
      "Nothing after a sleep: the authority is asked at once. If `fireflies info` shows the clock in doubt for longer, check the machine's time service and the way to the authority.",
  },
  "loopback-only": {
    meaning: "The member advertises nothing but loopback: members on other machines cannot call it.",
    remedy:
      "Nothing, if all are on this machine. Else --listen 0.0.0.0, or --advertise HOST; see docs/second-machine.md.",
  },
  "not-dialable": {
    meaning: "Other members cannot dial what this one advertises: those asked to try did not reach it.",
    remedy:
      "What the message says: open or forward the port, correct what is advertised, or leave it to relays. See docs/reach.md.",
  },
  "private-address": {
    meaning:
      "The member advertises private addresses alone, and some members see it come from elsewhere and do not reach it.",
    remedy:
      "Forward its ports at the router and advertise the outer address (advertise: auto finds it), or leave it to relays; see docs/reach.md.",
  },
  "rendezvous-unreachable": {
    meaning: "This member waits at a rendezvous server that refuses it or does not answer, so nobody meets it there.",
    remedy: "Check the address that it listens at, and whether that server takes it. It goes on trying.",
  },
  "udp-blocked": {
    meaning: "Datagrams do not come through to this member, or from it.",
    remedy:
      "Let UDP to the member's UDP port and back through the firewalls (`udp_port`). Without it members ask each other over connections, which costs more and notices a crash later.",
  },
  "clock-apart": {
    meaning: "This machine's clock differs from those of other members.",
    remedy: "Check the time service of this machine (timedatectl), then those of the others.",
  },
  "certificate-ending": {
    meaning: "The member's certificate ends soon, and the next one has not come.",
    remedy: "Check that the authority runs and can be reached from here, then `fireflies renew`.",
  },
  "rings-few": {
    meaning: "The network has more members than its ring count was planned for: fewer liars are tolerated.",
    remedy: "Plan with `fireflies plan`, and move to a network with more rings.",
  },
  "disk-low": {
    meaning: "The disk of the member's directory is nearly full, or may not be written to.",
    remedy: "Make room, or give it a directory that it may write to.",
  },
  "versions-apart": {
    meaning: "Members of the network have different versions of the software.",
    remedy: "Bring all to one version: below 1.0 another minor version may speak another protocol.",
  },
  "problems-found": {
    meaning: "`fireflies doctor` has found something that needs doing.",
    remedy: "Do what the report says, then run it again.",
  },
  "address-forbidden": {
    meaning: "Another member is reached only at addresses that are not dialled from here, as loopback.",
    remedy: "Let all members advertise addresses that the others reach; see docs/second-machine.md.",
  },
  alone: {
    meaning: "The member has started and sees nobody, although others should be there. It goes on looking for them.",
    remedy:
      "Check that the others run, that they and the authority can be reached from here, and what other alarms say.",
  },
  "identity-in-use": {
    meaning: "Another process runs under this member's identity at this moment.",
    remedy:
      "Find the second process or the stolen key; stop it, or revoke the certificate. If the others have cut the member meanwhile, `fireflies renew` brings it back.",
  },
  isolated: {
    meaning:
      "The others no longer count this member: its certificate is revoked, has ended, or is one that they refuse.",
    remedy:
      "After an identity was in use twice: stop the other process, then `fireflies renew`, and the member is back at once. What is revoked enrols again.",
  },
  "epochs-exhausted": {
    meaning: "A note with the highest possible epoch exists under this key, so no newer one can be made.",
    remedy: "Enrol again under another principal: this only follows from a stolen key.",
  },
  "peer-unknown": {
    meaning: "No live member of the view has this id or address.",
    remedy: "Look it up with members(); a member that has just joined is known within a second.",
  },
  "not-started": {
    meaning: "The client is not running: start() has not resolved, or stop() was called.",
    remedy: "Await start() first.",
  },
  "already-started": {
    meaning: "start() was called before. A client runs once.",
    remedy: "Make a new Client to start again.",
  },
  "metadata-too-large": {
    meaning: "The metadata is over 4,096 bytes as JSON, or is not JSON.",
    remedy: "Keep it small: it is gossiped to every member.",
  },
  "member-stopping": {
    meaning: "The member is stopping: it ends what is open and takes no new message or stream.",
    remedy: "Send to another member, or wait until it is back. The message was not handled.",
  },
  "drain-expired": {
    meaning: "The member had to stop while handlers, requests, streams or calls were still open. They were cut.",
    remedy: "Give stop() a longer drain, let handlers heed their signal, and end streams when `stopping` fires.",
  },
  "peer-removed": { meaning: "The member is not, or no longer, in the view.", remedy: "Send to a live member." },
  "protocol-unknown": {
    meaning: "The other side, or this one, does not speak the protocol that was called.",
    remedy: "Run versions that share it, and register it on both sides.",
  },
  "protocol-invalid": {
    meaning: "A protocol's id is malformed, reserved or taken.",
    remedy: "Choose another id: a to z, 0 to 9, dots and dashes, at most 64 characters.",
  },
  "link-closed": {
    meaning: "The connection to the member was lost or closed.",
    remedy:
      "Try again: whether the other side saw the call is not known. A stream opened with `reconnect` goes on by itself.",
  },
  "stream-reset": {
    meaning: "The other side ended the stream without a reason that is known here, or was started anew.",
    remedy: "Open a new one.",
  },
  "message-too-large": {
    meaning: "The message is over the limit.",
    remedy: "Send less at once, or use a stream.",
  },
  "election-disbelieved": {
    meaning: "A member named a term of an election that is more than a minute ahead of this clock. It is not believed.",
    remedy: "Compare the clocks of the members that stand. If they are right, the member that it names lies.",
  },
  "election-refused": {
    meaning:
      "A member that stands for the same job does not let this one stand: their rules differ, and so may their leaders.",
    remedy: "Give the same `allow` to all members that call `elect` for this job.",
  },
  "handler-failed": {
    meaning: "A handler threw or rejected. Only the program whose handler it is hears why, by an alarm.",
    remedy:
      "See that alarm: its `cause` is what was thrown, with the stack. What a sender should read is thrown as a ReplyError.",
  },
  "handler-timeout": {
    meaning: "A handler did not finish in time: the other member's, or, as an alarm, this program's own.",
    remedy: "Allow more time, or see what the handler waits for. It should end when its signal fires.",
  },
  "handler-missing": {
    meaning: "The other member has registered no handler for this.",
    remedy: "Register one there before it starts, or correct the name of the protocol or service.",
  },
  "topic-invalid": {
    meaning: "That is no topic, or no pattern over topics; the message says what is wrong with it.",
    remedy:
      "Use tokens with dots between them, 255 bytes at most, as orders.eu; in patterns * is one token, and > the rest.",
  },
  unacknowledged: {
    meaning:
      "A message of a topic was not as safe in time as `publish` was asked to make it; `missing` says who has not acknowledged it.",
    remedy:
      "It is sent, and may be acknowledged yet: publish it again only if twice is better than never. Look at the members that are missing.",
  },
  "messages-lost": {
    meaning:
      "Messages of a topic were not acknowledged here before their retention ended, and nobody holds them any more.",
    remedy: "Handle them sooner, give subscribe() a larger maxInFlight, or allow more retention.",
  },
  "topics-store-failed": {
    meaning:
      "What is durable of topics could not be written to the member's directory, or read there: a full disk, a damaged file, permissions.",
    remedy:
      "Make room, or look at the disk: what waits is written then. A message whose `publish` was rejected so is sent, but may not survive this process.",
  },
  "topic-forked": {
    meaning:
      "A member has signed two messages of a topic under one number. An alarm; the event of the subscription has the proof.",
    remedy: "Do not trust that member: show the proof to its operator, and revoke it.",
  },
  "name-invalid": {
    meaning: "The name of a protocol or service is malformed.",
    remedy: "Use 1 to 128 bytes of UTF-8 in form NFC, without spaces and control characters.",
  },
  "names-too-large": {
    meaning: "The names of the protocols and services that this member offers are over 1 KiB together.",
    remedy: "Shorten them, or register some with `announce: false`: who knows such a name can use it all the same.",
  },
  "service-absent": {
    meaning: "No live member offers this service.",
    remedy: "Check its name, and that a member that serves it runs: `client.members()` says who offers what.",
  },
  "name-taken": {
    meaning: "This member has a handler of that name already.",
    remedy: "Choose another name, or end the first registration by its signal.",
  },
  "target-unreachable": {
    meaning: "The member forwards this, and the program that the forward leads to does not accept connections.",
    remedy: "Start that program, or correct the forward's target.",
  },
  "http-status": {
    meaning: "`fireflies curl --fail`: the member's HTTP server answered with a status from 400 on.",
    remedy: "Read what it answered; correct the path or the request.",
  },
  overloaded: {
    meaning: "Too many requests or streams are waiting.",
    remedy: "Slow down and try again.",
  },
  "bad-frame": {
    meaning: "The other side sent bytes that are malformed, out of order or not signed by it.",
    remedy: "Check that both sides run compatible versions; otherwise that member misbehaves.",
  },
  "encoding-invalid": {
    meaning: "The bytes are not the text or the JSON value that the program takes them for.",
    remedy: "Let both sides encode alike. A handler that throws it answers its caller with an error.",
  },
  "proof-malformed": {
    meaning: "The bytes are no proof of a message, or a damaged one.",
    remedy: "Get it again from whoever made it, as it was made.",
  },
  "proof-altered": {
    meaning: "The message in the proof is not the one that was signed.",
    remedy: "Do not believe it: message, salt or index were changed.",
  },
  "proof-unsigned": {
    meaning: "The signature in the proof is not one of the member that is said to have sent the message.",
    remedy: "Do not believe it: sender, receiver, place or the other hashes were changed, or the signature was.",
  },
  "evidence-malformed": {
    meaning: "The file is no evidence about a member, a damaged one, or one of another version.",
    remedy: "Get it again from the member that wrote it, as `fireflies evidence export` wrote it.",
  },
  "evidence-false": {
    meaning: "Something in the evidence is not what its author signed.",
    remedy: "Do not believe what is named; the statements that are not named are good.",
  },
  "proof-unavailable": {
    meaning: "The message can no longer be proven: its handler has ended, or has changed the data.",
    remedy: "Ask for the proof while the handler runs, and before the data are changed.",
  },
  "protocol-version": {
    meaning: "The other side speaks a version of the protocol that is unknown here.",
    remedy: "Run versions that share a protocol version.",
  },
  // The member's view of the authority
  "authority-unreachable": {
    meaning: "The authority did not answer in time or refused the connection.",
    remedy: "Check that `fireflies ca` runs and that its address can be reached from here. Members go on without it.",
  },
  "authority-awaited": {
    meaning: "A start needs the authority, which is absent, and waits for it. An alarm, once a minute.",
    remedy:
      "Nothing, if the authority is about to start. Else check its address and the way to it; --no-wait ends at once.",
  },
  "authority-unknown": {
    meaning:
      "Where the authority is is not known: authority.json is missing or damaged. The certificate is not renewed.",
    remedy: "Start once with ca_addr or a token of the same authority, which is kept; or say use_ca: false.",
  },
  "authority-untrusted": {
    meaning: "Whoever answered is not the authority with the pinned root fingerprint.",
    remedy: "Check address and fingerprint. If they are right, somebody is in between.",
  },
  "authority-answer-invalid": {
    meaning: "The authority's answer is malformed, too large, or its certificate does not fit the request.",
    remedy: "Check that authority and member run compatible versions.",
  },
  "revocations-stale": {
    meaning: "The newest revocation list held here is past the time by which the authority promised the next one.",
    remedy: "Check that the authority runs and can be reached; until then, what it revokes is not known here.",
  },
  // What the authority refuses
  "token-invalid": {
    meaning: "The token is malformed or the authority does not know it.",
    remedy: "Paste the whole token, or get a new one with `fireflies ca token NAME`.",
  },
  "token-used": {
    meaning: "The token was already used with another key, or as often as it may be.",
    remedy: "Get a new token with `fireflies ca token NAME`. If nobody of yours used it, it was stolen.",
  },
  "token-expired": {
    meaning: "The token is past its end.",
    remedy: "Get a new one with `fireflies ca token NAME`.",
  },
  "token-cancelled": {
    meaning: "The authority's operator has taken this token back.",
    remedy: "Ask the operator for another one: `fireflies ca token NAME`.",
  },
  "token-required": {
    meaning: "The authority admits members by token only.",
    remedy: "Get a token with `fireflies ca token NAME`, or start a trial authority with --open.",
  },
  "jwt-refused": {
    meaning:
      "The JWT is not one of an issuer, for an audience and about a subject that the authority admits, or is out of time.",
    remedy:
      "Compare the JWT with the section jwt of the authority's configuration; docs/enrolment.md says what is checked.",
  },
  "jwt-unreadable": {
    meaning: "The file with the JWT cannot be read, or holds none.",
    remedy: "Check jwt_file (--jwt-file), and that the file is there before the member starts.",
  },
  "issuer-unreachable": {
    meaning: "The authority cannot fetch the keys of the JWT's issuer.",
    remedy:
      "Check the issuer, and jwks_uri and ca_file in the section jwt of the authority's configuration. Members ask again.",
  },
  "principal-invalid": {
    meaning: "The name is not 1 to 64 characters of A-Z a-z 0-9 . _ - that begin with a letter or digit.",
    remedy: "Choose another name.",
  },
  "principal-reserved": {
    meaning: "The name is one that others would take for the authority, for the machine itself, or for an id.",
    remedy: "Choose another name.",
  },
  "principal-refused": {
    meaning: "The token, or the identity from elsewhere, does not admit this name.",
    remedy: "Ask for a name that it admits, or for none: then the authority gives one.",
  },
  "principal-taken": {
    meaning: "Another key already has this name.",
    remedy: "Choose another name, or use the directory of the member that enrolled under it.",
  },
  "principal-revoked": {
    meaning: "The authority's operator has thrown this principal out.",
    remedy: "Ask the operator; `fireflies ca readmit NAME` lets it in again, with another id.",
  },
  "key-revoked": {
    meaning: "A certificate for this key was revoked: it may be in the wrong hands.",
    remedy: "Enrol with a new key, in an empty directory, and a new token for the same name: the id stays the same.",
  },
  "address-invalid": {
    meaning: "An address is not host:port or a URL of a transport, or there are too many.",
    remedy: 'Give addresses as "host:port", IPv6 hosts in brackets, or as "ws://host:port/path" and "udx://host:port".',
  },
  "access-invalid": {
    meaning: "A rule that says who may use a service cannot be read.",
    remedy: 'Give "*", an id, a name or a pattern of names, "metadata:key=value", or "service:NAME".',
  },
  unauthenticated: {
    meaning: "The call needs the certificate of a current member of this network.",
    remedy: "Call with the member's certificate and key; if it has expired, enrol again.",
  },
  "body-malformed": {
    meaning: "The request's body is not the JSON that this call takes.",
    remedy: "See the authority's API in the docs.",
  },
  "body-too-large": { meaning: "The request's head or body is over the limit.", remedy: "Send less." },
  "request-timeout": {
    meaning: "The request did not arrive in time.",
    remedy: "Check the path to the authority, or the agent, and try again.",
  },
  "too-many-requests": {
    meaning: "More requests than the authority, or an agent's API, takes from one address.",
    remedy: "Wait for the seconds in the Retry-After header, or some.",
  },
  "not-found": {
    meaning: "The authority, or the agent, has no such call.",
    remedy: "See the authority's and the agent's API in the docs.",
  },
  "authority-failed": {
    meaning: "The authority could not record or answer the request.",
    remedy: "Look at the authority's log and disk. Nothing was issued that is not recorded; try again.",
  },
  // The authority's own state
  "ca-state-locked": {
    meaning: "Another process uses the authority's directory.",
    remedy: "Stop the other `fireflies ca` first.",
  },
  "ca-state-missing": {
    meaning: "The directory holds no authority.",
    remedy: "Start `fireflies ca --dir D` once: it creates one.",
  },
  "ca-state-unreadable": {
    meaning: "The authority's directory or one of its files cannot be read or written.",
    remedy: "Give the user that runs the authority access to the directory.",
  },
  "store-read-only": {
    meaning: "The authority's PostgreSQL server is a read-only standby: nothing can be recorded there.",
    remedy:
      "Name the primary in --store. After a failover, have the old address lead to it; nothing need be restarted.",
  },
  "ca-state-corrupt": {
    meaning: "The authority's database is damaged, incomplete or of another version.",
    remedy:
      "Restore the whole directory from a backup. Never start over with the same root: ids would be handed out twice.",
  },
  "ca-state-old": {
    meaning:
      "The authority's database or backup is older than what its directory has seen: it may have forgotten a revocation.",
    remedy:
      "Put the newest database back, or restore a backup with `fireflies ca restore`, with the newest revocation list.",
  },
  "ca-backup-invalid": {
    meaning: "The file is no whole backup of an authority.",
    remedy: "Take another copy of it, or an earlier backup.",
  },
  "ca-state-mismatch": {
    meaning: "The authority's keys, certificates and database do not belong together.",
    remedy: "Restore keys and database from the same backup.",
  },
  "ca-options-invalid": {
    meaning: "An option of the authority has no valid value or contradicts the stored network.",
    remedy: "Correct the option; ring count and Delta are fixed when the network is created.",
  },
  "ca-unknown": {
    meaning: "The authority has no record of this name, id, serial number, token or issuing certificate.",
    remedy: "See `fireflies ca list`; ids and serial numbers may be shortened as long as they are unique.",
  },
  "ca-revoked-already": {
    meaning: "The certificate or principal is revoked already.",
    remedy: "There is nothing left to do; `fireflies ca show` says since when.",
  },
  "ca-rotation": {
    meaning: "This step of a rotation is not possible as the issuing certificates are now.",
    remedy: "Prepare, activate, and retire, in this order; `fireflies ca rotate` without a step shows where it stands.",
  },
  "root-key-missing": {
    meaning: "The root's private key is not in the authority's directory.",
    remedy: "Bring it from where it is kept, with --root-key FILE.",
  },
  "audit-broken": {
    meaning: "The audit, or an export of it, was changed, cut, or put in another order.",
    remedy: "Compare with the exports that were kept elsewhere: the message names the first entry that does not fit.",
  },
  // Configuration
  "config-unreadable": {
    meaning: "The configuration file cannot be read, or it is not YAML.",
    remedy: "Correct the line that the message names, or give the user read access to the file.",
  },
  "config-unknown-key": {
    meaning: "The configuration has a key that does not exist.",
    remedy: "Correct the key as the message proposes; the keys are listed in docs/configuration.md.",
  },
  "config-bad-value": {
    meaning: "A value of the configuration cannot be used, or two of them contradict each other.",
    remedy: "Correct the value that the message names.",
  },
  // The member's directory
  "state-in-use": {
    meaning: "Another process, or another client of this process, uses the member's directory.",
    remedy: "Stop the other one first, or give each member a directory of its own.",
  },
  "state-unreadable": {
    meaning: "The member's directory or one of its files cannot be read or created.",
    remedy: "Give the user that runs the member access to the directory.",
  },
  ...DISCOVERY_CODES,
  ...NATS_CODES,
  ...COMMAND_CODES,
} as const satisfies Record<string, ErrorCodeEntry>;

/** One of the stable codes. */
export type ErrorCode = keyof typeof ERROR_CODES;

/** Whether `text` is a code of the table. */
export function isErrorCode(text: unknown): text is ErrorCode {
  return typeof text === "string" && Object.hasOwn(ERROR_CODES, text);
}
