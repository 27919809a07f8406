// The documents as a site that can be searched: the files of docs/ and those at the top, as they stand. build.mjs copies
// them into pages/, where the packages of this folder are found.
import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../..", import.meta.url));

/** The heading of a page is its name in the list. */
const page = (path) => {
  const text = readFileSync(`${root}${path}`, "utf8").match(/^# (.+)$/m)?.[1] ?? path;
  return { text: text.replaceAll("`", ""), link: `/${path.replace(/\.md$/, "")}` };
};

const pages = (...names) =>
  names.map((name) => page(name.includes("/") || /^[A-Z]/.test(name) ? `${name}.md` : `docs/${name}.md`));

const folder = (path) =>
  readdirSync(`${root}${path}`)
    .filter((name) => name.endsWith(".md"))
    .sort()
    .map((name) => page(`${path}/${name}`));

/** A page that nobody finds is not there: the build fails for one of docs/ that stands in no list. */
function listed(sidebar) {
  const links = JSON.stringify(sidebar);
  const lost = readdirSync(`${root}docs`).filter(
    (name) => name.endsWith(".md") && !links.includes(`"/docs/${name.slice(0, -3)}"`),
  );
  if (lost.length > 0) throw new Error(`In no list of site/.vitepress/config.mjs: ${lost.join(", ")}`);
  return sidebar;
}

const section = (text, items, collapsed = true) => ({ text, collapsed, items });

export default {
  title: "fireflies",
  description: "Membership and gossip for services that must not be fooled.",
  srcDir: "pages",
  outDir: "out",
  cacheDir: ".cache",
  rewrites: { "README.md": "index.md" },
  cleanUrls: false,
  // Files of the repository that are no pages: programs, manifests, generated schemas.
  ignoreDeadLinks: [/\/(examples|deploy|proto|bench|test|testing|client)\//, /openapi\.json/, /LICENSE/],
  themeConfig: {
    search: { provider: "local" },
    outline: [2, 3],
    nav: [
      { text: "Guide", link: "/docs/guide" },
      { text: "API", link: "/docs/api/fireflies" },
      { text: "Command", link: "/docs/cli" },
      { text: "Protocol", link: "/docs/protocol" },
    ],
    sidebar: listed([
      section(
        "Begin",
        [{ text: "What it is", link: "/" }, ...pages("guide", "second-machine", "glossary", "comparison")],
        false,
      ),
      section("Coming from", folder("docs/coming-from"), false),
      section("How to", folder("docs/how-to"), false),
      section(
        "Use it",
        pages(
          "client",
          "services",
          "topics",
          "http",
          "forwarding",
          "nats",
          "data-transfer",
          "proofs",
          "rdv",
          "adapters",
          "testing",
          "packaging",
        ),
      ),
      section(
        "Set up and operate",
        pages(
          "configuration",
          "discovery",
          "enrolment",
          "reach",
          "daemon",
          "cli",
          "operations",
          "authority-api",
          "dashboard",
          "metrics",
          "alerts",
          "explain",
          "errors",
          "SECURITY",
        ),
      ),
      section("API", folder("docs/api")),
      section("Understand it", pages("protocol", "simulator", "adversaries", "claims", "performance", "measuring")),
      section("Change it", pages("architecture", "rooms", "CONTRIBUTING", "CHANGELOG")),
    ]),
  },
};
