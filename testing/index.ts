/** fireflies/testing: what programs test with. */
export {
  type HostNetwork,
  type LanOptions,
  type MemoryEnd,
  type MemoryHost,
  type MemoryLan,
  type MemoryLink,
  type MemoryNatKind,
  MemoryNetwork,
  type PathOptions,
} from "../net/index.js";
export type { ContractOptions, ContractRunner, Place, TransportEnds, TransportSubject } from "./contract/subject.js";
export {
  type DiscoveryContractOptions,
  type DiscoveryStage,
  type DiscoverySubject,
  discoveryContract,
  discoveryPromises,
} from "./discovery-contract.js";
export { startTestNetwork, type TestMemberOptions, TestNetwork, type TestNetworkOptions } from "./test-network.js";
export { type ContractTest, transportContract, transportPromises } from "./transport-contract.js";
