/** Who gives way when this member holds as many logs as it may. */
import { describe, expect, it } from "vitest";
import { Shelf } from "../../topics/holding/shelf.js";
import {
  BARE_LOGS_MAX,
  BARE_LOGS_PER_PUBLISHER_MAX,
  LOGS_MAX,
  LOGS_PER_PUBLISHER_MAX,
  LOGS_SCANNED_MAX,
} from "../../topics/limits.js";
import { nameLog } from "../../topics/records/log.js";
import { idOf, sha256 } from "../support/topics/overlay.js";

const ME = idOf(0);

function shelf() {
  const forgotten: string[] = [];
  const made = new Shelf({
    ...{ me: ME, bytesMax: () => 1024 * 1024, isFree: () => true, onDrop: () => {} },
    onForget: ({ name }) => void forgotten.push(name.topic),
  });
  const open = (publisher: number, topic: string, now = 0) =>
    made.open(nameLog({ publisher: idOf(publisher), life: 1n, topic }, sha256), now);
  const openMany = (publisher: number, count: number, prefix = "x") => {
    for (let nth = 0; nth < count; nth++) open(publisher, `${prefix}.${publisher}.${nth}`);
  };
  const logsOf = (publisher: number) => [...made.logsOf(idOf(publisher))].length;
  return { made, forgotten, open, openMany, logsOf };
}

describe("logs", () => {
  it("of mine are never forgotten for others, however many there are", () => {
    const { forgotten, openMany, logsOf } = shelf();
    openMany(0, LOGS_PER_PUBLISHER_MAX + 10);
    expect([logsOf(0), forgotten]).toEqual([LOGS_PER_PUBLISHER_MAX + 10, []]);
  });

  it("of one publisher beyond its own number push out its longest unchanged one", () => {
    const { forgotten, openMany, logsOf } = shelf();
    openMany(1, LOGS_PER_PUBLISHER_MAX + 2);
    expect([logsOf(1), forgotten]).toEqual([LOGS_PER_PUBLISHER_MAX, ["x.1.0", "x.1.1"]]);
  });

  it("of a crowd that fills the place push out their own; who has few gets room from who has most", () => {
    const { made, openMany, logsOf } = shelf();
    openMany(1, 100);
    for (let liar = 2; liar < 10; liar++) openMany(liar, LOGS_PER_PUBLISHER_MAX);
    expect(made.counts.logs).toBe(LOGS_MAX);
    expect(logsOf(1)).toBe(100);
    openMany(1, 100, "more");
    expect(logsOf(1)).toBe(200);
    openMany(2, 100, "more");
    expect([logsOf(1), made.counts.logs]).toEqual([200, LOGS_MAX]);
  });
});

it("logs of which only word came push out each other, the greediest publisher's first", () => {
  const { made, openMany, forgotten } = shelf();
  openMany(1, 10);
  const hear = (publisher: number, count: number) => {
    for (let nth = 0; nth < count; nth++)
      made.hear(nameLog({ publisher: idOf(publisher), life: 2n, topic: `word.${publisher}.${nth}` }, sha256), 0);
  };
  hear(1, 100);
  for (let liar = 2; liar < 10; liar++) hear(liar, BARE_LOGS_PER_PUBLISHER_MAX);
  hear(1, 200);
  expect(made.counts).toMatchObject({ logs: 10, bareLogs: BARE_LOGS_MAX });
  expect(forgotten.filter((topic) => topic.startsWith("x.") || topic.startsWith("word.1."))).toEqual([]);
});

it("logs come by turns of their publishers, and go on behind where they ended", () => {
  const { made, openMany, open } = shelf();
  openMany(1, LOGS_PER_PUBLISHER_MAX);
  open(2, "rare");
  const answer = () => {
    const topics: string[] = [];
    for (const { name } of made.inTurn()) if (topics.push(name.topic) >= LOGS_SCANNED_MAX) break;
    return topics;
  };
  const [first, second, third] = [answer(), answer(), answer()];
  for (const one of [first, second, third]) expect(one).toContain("rare");
  expect(new Set([...first, ...second, ...third]).size).toBe(LOGS_PER_PUBLISHER_MAX + 1);
});
