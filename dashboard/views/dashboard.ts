/** The page as a whole: its parts, the loop that draws them, and what the reader may do everywhere. */
import { type Key, listenTo } from "../app/keys.js";
import { Model } from "../app/model.js";
import { go, hashNow, onGo, watchAddress } from "../app/navigation.js";
import { PAGES, type Route, routeOf } from "../app/routes.js";
import { applyTheme, onPreference, storedTheme, THEMES, type Theme } from "../app/theme.js";
import { button, h } from "../dom/element.js";
import { type Palette, readPalette } from "../draw/palette.js";
import { Api } from "../feed/api.js";
import { followLive } from "../feed/live.js";
import { RECORDING_CHARACTERS_MAX, type Recording, readRecording } from "../feed/recording.js";
import { helpDialog, type TokenDialog, tokenDialog } from "./dialogs.js";
import { eventsView } from "./events-view.js";
import { icon } from "./icon.js";
import { type MemberView, memberView } from "./member-view.js";
import { membersView } from "./members-view.js";
import { pathsView } from "./paths-view.js";
import { ringsView, turnedRing } from "./rings-view.js";
import { type SearchBox, searchBox } from "./search-box.js";
import { type Shell, shellOf } from "./shell.js";
import { timeBar } from "./time-bar.js";
import { topicsView } from "./topics-view.js";
import { trafficView } from "./traffic-view.js";
import type { View } from "./view.js";

/** Text and tables follow the feed at most so often; the picture of the rings moves with each frame. */
const UPDATE_MS = 250;
/** A frame that comes later than this was not drawn: the tab was hidden. What is played stands still meanwhile. */
const FRAME_MS_MAX = 250;

export class Dashboard {
  readonly #model = new Model(new Api());
  readonly #views: Readonly<Record<Exclude<Route["page"], "member">, View>>;
  readonly #member: MemberView;
  readonly #time: View;
  readonly #shell: Shell;
  readonly #search: SearchBox;
  readonly #token: TokenDialog;
  readonly #help: HTMLDialogElement;
  readonly #notice = h("div", { class: "notice", role: "alert", hidden: true });
  readonly #file = h("input", {
    type: "file",
    accept: ".jsonl,.json,.ndjson,.txt",
    hidden: true,
    "aria-label": "Recording",
  });
  #palette: Palette;
  #theme: Theme = storedTheme();
  #route: Route = { page: "rings" };
  #shown: View;
  #following: AbortController | undefined;
  #frame = 0;
  #framedAt = 0;
  #updatedAt = 0;
  #isDue = true;

  constructor(root: HTMLElement) {
    applyTheme(this.#theme);
    this.#palette = readPalette(document.documentElement);
    const [model, paletteOf] = [this.#model, () => this.#palette];
    this.#views = {
      rings: ringsView(model, paletteOf),
      members: membersView(model),
      paths: pathsView(model, paletteOf),
      traffic: trafficView(model, paletteOf),
      topics: topicsView(model),
      events: eventsView(model),
    };
    this.#member = memberView(model);
    this.#shown = this.#views.rings;
    this.#time = timeBar(model, paletteOf);
    this.#search = searchBox(model);
    this.#token = tokenDialog((token) => {
      model.api.useToken(token);
      this.follow();
    });
    const keys = this.#keys();
    this.#help = helpDialog(keys);
    this.#shell = shellOf(model, this.#search, this.#time, {
      chooseFile: () => this.#chooseFile(),
      save: () => void this.#save(),
      goLive: () => this.follow(),
      help: () => this.#help.showModal(),
      turnTheme: () => this.#turnTheme(),
    });
    root.replaceChildren(this.#shell.element, this.#token.element, this.#help, this.#notice, this.#file);
    this.#shell.showTheme(this.#theme);
    listenTo(keys);
    this.#listen();
    this.#go();
  }

  /** The member that serves this page, from now on. */
  follow(): void {
    this.#following?.abort();
    this.#following = new AbortController();
    this.#model.source = "live";
    this.#model.playhead = { mode: "live" };
    void followLive(this.#model.api, this.#model, this.#following.signal);
  }

  openRecording(recording: Recording | string, name: string): void {
    if (typeof recording === "string") {
      this.#tell(recording);
      return;
    }
    this.#following?.abort();
    this.#model.open(recording, name);
    if (recording.skipped > 0)
      this.#tell(`${recording.skipped} lines of this recording were left out: this page cannot read them.`);
    this.#go();
  }

  #listen(): void {
    const model = this.#model;
    model.onChange((isUser) => {
      this.#isDue = true;
      if (isUser) this.#updatedAt = 0;
      this.#wake();
      if (model.connection === "unauthorized" && model.source === "live") this.#token.ask(model.words);
    });
    this.#file.addEventListener("change", () => {
      const file = this.#file.files?.[0];
      this.#file.value = ""; // The same file may be chosen again.
      if (file !== undefined) void this.#openFile(file);
    });
    watchAddress();
    onGo(() => this.#go());
    new ResizeObserver(() => this.#redraw()).observe(this.#shell.main);
    onPreference(() => {
      applyTheme(this.#theme);
      this.#repaint();
    });
    window.setInterval(() => {
      this.#isDue = true;
      this.#wake();
    }, 2 * UPDATE_MS);
    document.addEventListener("dragover", (event) => event.preventDefault());
    document.addEventListener("drop", (event) => {
      event.preventDefault();
      const file = event.dataTransfer?.files[0];
      if (file !== undefined) void this.#openFile(file);
    });
  }

  #keys(): readonly Key[] {
    const model = this.#model;
    const pages = PAGES.map((page, index) => ({
      key: String(index + 1),
      does: `page of ${page}`,
      run: () => {
        go({ page });
      },
    }));
    const ring = (direction: 1 | -1) => () => model.set({ shown: turnedRing(model.shown, model.rings, direction) });
    return [
      ...pages,
      { key: "/", does: "search members", run: () => this.#search.focus() },
      { key: " ", does: "pause, play", run: () => model.toggle() },
      { key: "l", does: "follow the present", run: () => model.follow() },
      { key: "[", does: "ring before", run: ring(-1) },
      { key: "]", does: "next ring", run: ring(1) },
      { key: "o", does: "open a recording", run: () => this.#chooseFile() },
      { key: "t", does: "colours: system, light, dark", run: () => this.#turnTheme() },
      { key: "?", does: "these keys", run: () => this.#help.showModal() },
    ];
  }

  #go(): void {
    this.#route = routeOf(hashNow());
    const { page } = this.#route;
    if (this.#route.page === "member") this.#member.show(this.#route.id);
    const view = page === "member" ? this.#member : this.#views[page];
    if (view !== this.#shown || !view.element.isConnected) {
      this.#shell.main.replaceChildren(view.element);
      this.#shell.main.scrollTop = 0;
    }
    this.#shown = view;
    this.#redraw();
  }

  #redraw(): void {
    this.#isDue = true;
    this.#updatedAt = 0;
    this.#wake();
  }

  #wake(): void {
    if (this.#frame === 0) this.#frame = requestAnimationFrame((at) => this.#draw(at));
  }

  #draw(at: number): void {
    this.#frame = 0;
    const elapsed = Math.min(FRAME_MS_MAX, this.#framedAt === 0 ? 0 : at - this.#framedAt);
    this.#framedAt = at;
    const isPlaying = this.#model.advance(elapsed);
    if (this.#isDue && at - this.#updatedAt >= UPDATE_MS) {
      this.#updatedAt = at;
      this.#isDue = false;
      this.#shell.update();
      this.#shell.show(this.#route);
      this.#time.update();
      this.#shown.update();
    }
    const isMoving = this.#shown.frame?.() ?? false;
    if (isMoving || isPlaying || this.#isDue) this.#wake();
    else this.#framedAt = 0;
  }

  #turnTheme(): void {
    this.#theme = THEMES[(THEMES.indexOf(this.#theme) + 1) % THEMES.length] ?? "system";
    applyTheme(this.#theme);
    this.#shell.showTheme(this.#theme);
    this.#repaint();
  }

  #repaint(): void {
    this.#palette = readPalette(document.documentElement);
    this.#redraw();
  }

  #chooseFile(): void {
    this.#file.click();
  }

  async #openFile(file: File): Promise<void> {
    if (file.size > RECORDING_CHARACTERS_MAX)
      return this.openRecording("This file is larger than a recording may be (256 MB).", file.name);
    const content = await file.text().catch((error: unknown) => error);
    const read = typeof content === "string" ? readRecording(content) : `It cannot be read: ${String(content)}`;
    this.openRecording(read, file.name);
  }

  async #save(): Promise<void> {
    try {
      const content = await this.#model.api.askText("v1/recording");
      const url = URL.createObjectURL(new Blob([content], { type: "application/x-ndjson" }));
      h("a", { href: url, download: "fireflies-recording.jsonl" }).click();
      URL.revokeObjectURL(url);
    } catch (error) {
      this.#tell(`The recording cannot be saved: ${error instanceof Error ? error.message : String(error)}`);
    }
  }

  /** Until the reader has closed it. */
  #tell(words: string): void {
    const close = button(
      icon("close"),
      () => {
        this.#notice.hidden = true;
      },
      { class: "quiet icon", "aria-label": "Close" },
    );
    this.#notice.replaceChildren(h("p", {}, words), close);
    this.#notice.hidden = false;
  }
}
