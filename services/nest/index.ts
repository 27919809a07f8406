/** fireflies/nest: a member in an application of NestJS. */
export {
  FirefliesModule,
  type FirefliesModuleAsyncOptions,
  type FirefliesModuleOptions,
} from "./fireflies-module.js";
