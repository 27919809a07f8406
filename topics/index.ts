/** Publish and subscribe without I/O: names of topics, and what members subscribe to. */
export {
  encodeInterests,
  INTEREST_BODY_BYTES_MAX,
  INTERESTS_MAX,
  type Interest,
  type InterestProblem,
  parseInterests,
} from "./interest.js";
export { Matcher } from "./matcher.js";
export {
  ANY_REST,
  ANY_TOKEN,
  GROUP_BYTES_MAX,
  groupProblem,
  isWildcard,
  matches,
  NAME_ADVICE,
  type NameProblem,
  patternProblem,
  TOPIC_BYTES_MAX,
  tokensOf,
  topicProblem,
} from "./names.js";
