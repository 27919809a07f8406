/**
 * Traces and metrics of a member by OpenTelemetry's API. Public as `fireflies/telemetry`, an entry of its own: with it comes
 * @opentelemetry/api, and no SDK. Which SDK there is, and where it sends to, is the program's affair.
 */
export type { Followed, Operation, Telemetered, TraceContext } from "./source.js";
export { type Instrumented, instrument, type TelemetryOptions } from "./telemetry.js";
