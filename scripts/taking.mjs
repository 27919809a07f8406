/** What taking pictures of the dashboard needs, whoever feeds it. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const TARGET = fileURLToPath(new URL("../docs/pictures/", import.meta.url));
/** Of WebP: small, and no seam to be seen around letters. */
const QUALITY = 0.75;
/** After an instant was chosen: the picture is drawn with the next frames. */
const SETTLED_MS = 900;

/** Writes docs/pictures/NAME.webp once the page stands still. */
export async function takePicture(page, name) {
  await page.waitForTimeout(SETTLED_MS);
  mkdirSync(TARGET, { recursive: true });
  writeFileSync(join(TARGET, `${name}.webp`), await asWebp(page.context(), await page.screenshot()));
}

/** Opens lines of a recording in the page, at an instant: a share of its length, 0 to 1. */
export async function openRecording(page, { recording, share, name = "recording.jsonl" }) {
  const file = { name, mimeType: "application/x-ndjson", buffer: Buffer.from(recording) };
  await page.locator("input[type=file]").setInputFiles(file);
  const slider = page.getByRole("slider", { name: "Instant" });
  await slider.fill(String(Math.round(share * Number(await slider.getAttribute("max")))));
  await slider.blur(); // A picture has no mark of who held the mouse.
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
