/**
 * The pictures of docs/pictures/: the dashboard in Chromium, shown a simulated network. Needs a build, and Chromium (Debian:
 * `apt-get install chromium fonts-inter`).
 *
 *   node scripts/screenshots.mjs [NAME...]
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { openBrowser } from "../test/support/dashboard/browser.mjs";
import { FeedServer } from "../test/support/dashboard/feed-server.mjs";
import { recordingOf, SimulatedNetwork } from "../test/support/dashboard/simulated-network.mjs";

const TARGET = fileURLToPath(new URL("../docs/pictures/", import.meta.url));
const DESKTOP = { width: 1280, height: 800 };
const PHONE = { width: 390, height: 844 };
const DENSITY = 1;
/** Of WebP: small, and no seam to be seen around letters. */
const QUALITY = 0.75;
/** Of the network that is shown: a quiet hour before, in which a little has happened. */
const PAST_MS = 3_600_000;
/** After an instant was chosen: the picture is drawn with the next frames. */
const SETTLED_MS = 900;

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
  await page.waitForTimeout(SETTLED_MS);
  writeFileSync(join(TARGET, `${name}.webp`), await asWebp(context, await page.screenshot()));
  await context.close();
  await server.close();
}

async function openRecording(page, { recording, share }) {
  const file = { name: "recording.jsonl", mimeType: "application/x-ndjson", buffer: Buffer.from(recording) };
  await page.locator("input[type=file]").setInputFiles(file);
  const slider = page.getByRole("slider", { name: "Instant" });
  await slider.fill(String(Math.round(share * Number(await slider.getAttribute("max")))));
}

/** The browser writes WebP itself. */
async function asWebp(context, png) {
  const page = await context.newPage();
  const url = await page.evaluate(
    async ({ base64, quality }) => {
      const image = new Image();
      image.src = `data:image/png;base64,${base64}`;
      await image.decode();
      const canvas = document.createElement("canvas");
      [canvas.width, canvas.height] = [image.naturalWidth, image.naturalHeight];
      canvas.getContext("2d").drawImage(image, 0, 0);
      return canvas.toDataURL("image/webp", quality);
    },
    { base64: png.toString("base64"), quality: QUALITY },
  );
  await page.close();
  return Buffer.from(url.split(",")[1], "base64");
}

mkdirSync(TARGET, { recursive: true });
const browser = await openBrowser();
if (browser === undefined) console.log("skipped: there is no Chromium here (apt-get install chromium fonts-inter)");
else {
  const wanted = process.argv.slice(2);
  for (const [name, picture] of Object.entries(PICTURES)) {
    if (wanted.length === 0 || wanted.includes(name)) await take(browser, name, picture);
  }
  await browser.close();
}
