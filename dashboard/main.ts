/** The dashboard begins: a recording that is embedded in the page, else the member that serves it. */

import { takeToken } from "./feed/api.js";
import { readRecording } from "./feed/recording.js";
import { Dashboard } from "./views/dashboard.js";

/** Of the element that holds an embedded recording: lines of JSON, with "<" written as \u003c. */
const EMBEDDED = "recording";

const root = document.getElementById("dashboard");
if (root !== null) {
  takeToken();
  const dashboard = new Dashboard(root);
  const embedded = document.getElementById(EMBEDDED)?.textContent ?? "";
  if (embedded.trim() === "") dashboard.follow();
  else dashboard.openRecording(readRecording(embedded), "recording");
}
