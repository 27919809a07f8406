/**
 * The pictures of docs/pictures/: the dashboard in Chromium, shown a simulated network
 * (real-pictures.mjs has those of agents that run). Needs a build, and Chromium (Debian:
 * `apt-get install chromium fonts-inter`).
 *
 *   node scripts/screenshots.mjs [NAME...]
 */
import { openBrowser } from "../test/support/dashboard/browser.mjs";
import { FeedServer } from "../test/support/dashboard/feed-server.mjs";
import { recordingOf, SimulatedNetwork } from "../test/support/dashboard/simulated-network.mjs";
import { openRecording, takePicture } from "./taking.mjs";

const DESKTOP = { width: 1280, height: 800 };
const PHONE = { width: 390, height: 844 };
const DENSITY = 1;
/** Of the network that is shown: a quiet hour before, in which a little has happened. */
const PAST_MS = 3_600_000;

/** A network that runs, with an hour that its agent has recorded. */
function live({ perSecond = 0.02, ...options }, more = () => []) {
  const at = Date.now() - PAST_MS;
  const network = new SimulatedNetwork({ at, ...options });
  const snapshot = network.snapshot();
  const now = at + PAST_MS;
  const quiet = [
    ...(perSecond > 0 ? network.churn(at, now - 120_000, perSecond) : []),
    ...network.figuresBetween(at, now),
  ];
  const events = network.numbered([...quiet, ...more(network, now)]);
  return { network, history: { snapshot, events } };
}

/** A minute of a network, and the instant of it that is shown. */
function recorded(options, tell, { title, shownAt }) {
  const at = Date.UTC(2026, 0, 15, 9, 30);
  const network = new SimulatedNetwork({ at, ...options });
  const snapshot = network.snapshot();
  const end = at + 40_000;
  const events = network.numbered([...network.figuresBetween(at, end), ...tell(network, at)]);
  return { network, recording: recordingOf(snapshot, events, title), share: shownAt / 40_000 };
}

const PICTURES = {
  "rings-5": {
    scene: () =>
      live({ members: 5, rings: 21, byzantineShare: 0.1, membersMax: 250, perSecond: 0 }, (network, now) =>
        network.lie(network.named("db-1").id, now - 1_400, 9),
      ),
    theme: "light",
  },
  "rings-200": {
    scene: () =>
      live({ members: 200, rings: 21, byzantineShare: 0.1, membersMax: 250 }, (network, now) =>
        network.lie(network.anyone(), now - 300),
      ),
    theme: "light",
  },
  "rings-1000": {
    scene: () =>
      live({ members: 1_000, rings: 21, byzantineShare: 0.1, membersMax: 1_200 }, (network, now) => [
        ...network.lie(network.anyone(), now - 1_000),
        ...network.kill(network.anyone(), now - 4_000),
      ]),
    theme: "dark",
  },
  kill: {
    scene: () =>
      recorded(
        { members: 80, rings: 21, byzantineShare: 0.1, membersMax: 250 },
        (network, at) => network.kill(network.named("db-4").id, at + 17_000),
        {
          title: "a member is killed",
          shownAt: 20_050,
        },
      ),
    theme: "dark",
    act: (page) => page.getByRole("button", { name: "One ring" }).click(),
  },
  lie: {
    scene: () =>
      recorded(
        { members: 40, rings: 21, byzantineShare: 0.1, membersMax: 250 },
        (network, at) => [
          ...network.lie(network.named("api-2").id, at + 18_000, 4),
          ...network.lie(network.named("db-2").id, at + 20_300, 7),
        ],
        {
          title: "two liars accuse",
          shownAt: 20_800,
        },
      ),
    theme: "light",
    act: (page) => page.getByRole("button", { name: "One ring" }).click(),
  },
  member: {
    scene: () =>
      live({ members: 200, rings: 21, byzantineShare: 0.1, membersMax: 250 }, (network, now) => [
        ...network.lie(network.named("db-3").id, now - 95_000),
        ...network.kill(network.named("db-3").id, now - 4_000),
      ]),
    theme: "light",
    act: async (page, { network }) => open(page, `member/${network.named("db-3").id}`),
  },
  dark: {
    scene: () =>
      recorded(
        { members: 200, rings: 21, byzantineShare: 0.1, membersMax: 250 },
        (network, at) => network.kill(network.named("cache-7").id, at + 17_000),
        { title: "a member is killed", shownAt: 20_350 },
      ),
    theme: "dark",
    act: (page) => choose(page, "cache-7"),
  },
  phone: {
    scene: () =>
      live({ members: 60, rings: 21, byzantineShare: 0.1, membersMax: 250 }, (network, now) =>
        network.lie(network.anyone(), now - 300),
      ),
    theme: "light",
    size: PHONE,
  },
  paths: {
    scene: () => live({ members: 60, rings: 21, byzantineShare: 0.1, membersMax: 250 }),
    theme: "light",
    act: (page) => open(page, "paths"),
  },
};

async function open(page, hash) {
  await page.evaluate((to) => {
    location.hash = `#/${to}`;
  }, hash);
}

async function choose(page, name) {
  await page.getByRole("combobox", { name: "Search members" }).fill(name);
  await page.keyboard.press("Enter");
  await page.getByRole("button", { name: "Show on the rings" }).click();
}

async function take(browser, name, { scene, theme, size = DESKTOP, act = async () => {} }) {
  const shown = scene();
  const server = await new FeedServer(shown.network, { history: shown.history }).listen();
  const context = await browser.newContext({
    viewport: size,
    deviceScaleFactor: size === PHONE ? 1.5 : DENSITY,
    colorScheme: theme,
    timezoneId: "UTC",
  });
  const page = await context.newPage();
  await page.goto(server.url);
  await page.locator(".status.live").waitFor();
  if (shown.recording !== undefined) await openRecording(page, shown);
  await act(page, shown);
  await takePicture(page, name);
  await context.close();
  await server.close();
}

const browser = await openBrowser();
if (browser === undefined) console.log("skipped: there is no Chromium here (apt-get install chromium fonts-inter)");
else {
  const wanted = process.argv.slice(2);
  for (const [name, picture] of Object.entries(PICTURES)) {
    if (wanted.length === 0 || wanted.includes(name)) await take(browser, name, picture);
  }
  await browser.close();
}
