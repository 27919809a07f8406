// Builds the site into site/out: copies the documents beside its packages, and has VitePress make pages of them.
import { spawnSync } from "node:child_process";
import { cpSync, existsSync, readdirSync, rmSync } from "node:fs";
import { fileURLToPath } from "node:url";

const here = fileURLToPath(new URL(".", import.meta.url));
const root = fileURLToPath(new URL("..", import.meta.url));

if (!existsSync(`${here}node_modules/vitepress`)) {
  console.error("The site's packages are not installed: npm ci --prefix site");
  process.exit(2);
}
rmSync(`${here}pages`, { recursive: true, force: true });
for (const name of readdirSync(root).filter((file) => file.endsWith(".md")))
  cpSync(`${root}${name}`, `${here}pages/${name}`);
cpSync(`${root}docs`, `${here}pages/docs`, { recursive: true });
const { status } = spawnSync(process.execPath, [`${here}node_modules/vitepress/bin/vitepress.js`, "build", here], {
  stdio: "inherit",
});
process.exit(status ?? 1);
