/** Which page the address names: `#/rings`, `#/member/ID`. */

export const PAGES = ["rings", "members", "paths", "traffic", "topics", "events"] as const;
export type Page = (typeof PAGES)[number];
export type Route = { readonly page: Page } | { readonly page: "member"; readonly id: string };

export function routeOf(hash: string): Route {
  const [page, id] = hash.replace(/^#\/?/, "").split("/");
  if (page === "member" && id !== undefined && id !== "") return { page: "member", id: decoded(id) };
  return { page: PAGES.find((each) => each === page) ?? "rings" };
}

export function hashOf(route: Route): string {
  return route.page === "member" ? `#/member/${encodeURIComponent(route.id)}` : `#/${route.page}`;
}

function decoded(id: string): string {
  try {
    return decodeURIComponent(id);
  } catch {
    return id; // Somebody has typed it.
  }
}
