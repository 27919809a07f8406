/** fireflies/testing: what programs test with. */
export type { ContractOptions, ContractRunner, Place, TransportEnds, TransportSubject } from "./contract/subject.js";
export { type ContractTest, transportContract, transportPromises } from "./transport-contract.js";
