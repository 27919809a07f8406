/** Which account of the NATS cluster a member is in, and what it may publish and subscribe to: rules in order, the first counts. */
import { FirefliesError } from "../../../identity/index.js";
import { type AccessRule, type Applicant, isAllowed, parseAccess } from "../../access.js";

/** As people write a role. */
export interface NatsRole {
  /** Who has it: the rules of `--allow` ("*", an id, a name or pattern, "metadata:key=value", "service:NAME"). */
  readonly members: readonly string[];
  /** Subjects, wildcards among them; all when left out. "{id}" and "{name}" stand for the member's. */
  readonly publish?: readonly string[] | undefined;
  readonly subscribe?: readonly string[] | undefined;
}

/** Roles by the name of their account; members of one account do not see what is published in another. */
export type NatsAccounts = Readonly<Record<string, NatsRole | readonly NatsRole[]>>;

/** One role, checked. */
export interface Role {
  readonly account: string;
  readonly rules: readonly AccessRule[];
  readonly publish: readonly string[] | undefined;
  readonly subscribe: readonly string[] | undefined;
}

/** What one member is in the cluster. */
export interface Standing {
  readonly account: string;
  /** Undefined: everything. Empty: nothing. */
  readonly publish: readonly string[] | undefined;
  readonly subscribe: readonly string[] | undefined;
}

/** The account of all members where no roles are said. */
export const ACCOUNT = "FIREFLIES";
/** An account is written by hand, and each has its own subscriptions in the server. */
const ACCOUNTS_MAX = 64;
const ROLES_MAX = 256;
const SUBJECTS_MAX = 256;
/** Of NATS's account of its own. */
const RESERVED = /^\$/;
const ACCOUNT_NAME = /^[A-Za-z0-9_-]{1,64}$/;
/** Tokens with dots between; "*" stands for one token, ">" for the rest. NATS itself takes more; nobody types it. */
const SUBJECT = /^(?:[^\s.*>"\\]+|\*)(?:\.(?:[^\s.*>"\\]+|\*))*(?:\.>)?$|^>$/;
const SUBJECT_CHARACTERS_MAX = 255;
/** A name with a dot would be two tokens, and could be made to match another member's. */
const ONE_TOKEN = /^[A-Za-z0-9_-]+$/;

/** Throws "access-invalid". Without accounts every member is in one, and may do all. */
export function parseAccounts(accounts: NatsAccounts | undefined): readonly Role[] {
  if (accounts === undefined)
    return [{ account: ACCOUNT, rules: [{ kind: "any" }], publish: undefined, subscribe: undefined }];
  const named = Object.entries(accounts);
  if (named.length === 0 || named.length > ACCOUNTS_MAX)
    throw invalid(`accounts has ${named.length} of them, and 1 to ${ACCOUNTS_MAX} may be there`);
  const roles = named.flatMap(([account, said]) => [said].flat().map((role) => parseRole(account, role as NatsRole)));
  if (roles.length > ROLES_MAX) throw invalid(`there are ${roles.length} roles, and at most ${ROLES_MAX}`);
  return roles;
}

/** Undefined when no role is this member's: it may not come in. */
export function standingOf(roles: readonly Role[], member: Applicant): Standing | undefined {
  const role = roles.find(({ rules }) => isAllowed(rules, member));
  if (role === undefined) return undefined;
  const { account, publish, subscribe } = role;
  return { account, publish: filled(publish, member), subscribe: filled(subscribe, member) };
}

/** Is it a subject that one may publish to or subscribe to? */
export function isSubject(text: string): boolean {
  return text.length <= SUBJECT_CHARACTERS_MAX && SUBJECT.test(text);
}

function parseRole(account: string, role: unknown): Role {
  const at = `the account ${JSON.stringify(account.slice(0, 64))}`;
  if (RESERVED.test(account) || !ACCOUNT_NAME.test(account))
    throw invalid(`${at} has a name other than 1 to 64 letters, digits, "_" and "-"`);
  if (typeof role !== "object" || role === null) throw invalid(`${at} is no mapping with members`);
  const unknown = Object.keys(role).find((key) => !["members", "publish", "subscribe"].includes(key));
  if (unknown !== undefined) throw invalid(`${at} has ${JSON.stringify(unknown)}; members, publish, subscribe exist`);
  const { members, publish, subscribe } = role as Readonly<Record<string, unknown>>;
  const said = textsOf(members, `members of ${at}`);
  if (said === undefined) throw invalid(`${at} does not say members: who is in it`);
  return {
    account,
    rules: parseAccess(said),
    publish: subjectsOf(publish, `publish of ${at}`),
    subscribe: subjectsOf(subscribe, `subscribe of ${at}`),
  };
}

function subjectsOf(value: unknown, what: string): readonly string[] | undefined {
  const subjects = textsOf(value, what);
  const wrong = subjects?.find((subject) => !isSubject(subject.replaceAll("{id}", "i").replaceAll("{name}", "n")));
  if (wrong !== undefined) throw invalid(`${what} has ${JSON.stringify(wrong.slice(0, 60))}, which is no subject`);
  return subjects;
}

function textsOf(value: unknown, what: string): readonly string[] | undefined {
  if (value === undefined || value === null) return undefined;
  const texts = typeof value === "string" ? [value] : value;
  if (!Array.isArray(texts) || texts.length > SUBJECTS_MAX || !texts.every((each) => typeof each === "string"))
    throw invalid(`${what} is a list of at most ${SUBJECTS_MAX} texts`);
  return texts as readonly string[];
}

/** A subject with a name that the member does not have, or that is no single token, is none of its. */
function filled(subjects: readonly string[] | undefined, { id, name }: Applicant): readonly string[] | undefined {
  const usable = name !== undefined && ONE_TOKEN.test(name) ? name : undefined;
  return subjects
    ?.filter((subject) => usable !== undefined || !subject.includes("{name}"))
    .map((subject) => subject.replaceAll("{id}", id).replaceAll("{name}", usable ?? ""));
}

function invalid(what: string): FirefliesError {
  return new FirefliesError("access-invalid", `NATS: ${what}.`);
}
