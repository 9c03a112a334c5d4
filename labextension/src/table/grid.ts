import { Columns } from "./columns.js";
import { h } from "./dom.js";
import { Head } from "./head.js";
import { DrawnLines } from "./line.js";
import { Lines } from "./lines.js";
import type { ColumnName, Row } from "./protocol.js";
import type { DataSource } from "./source.js";
import { t } from "./words.js";

const LINE = 28; // pixels
// Browsers draw nothing below 16 to 33 million pixels: a longer table scrolls in proportion.
const MAX_HEIGHT = 8_000_000;
const MORE = 4; // lines drawn beyond what is in view

export interface GridEvents {
  open(row: Row, byPointer: boolean): void; // its details
  failed(error: unknown): void;
}

let grids = 0;

/** The lines of a table, of which only those in view are in the page. */
export class Grid {
  readonly element: HTMLElement;
  readonly columns: Columns;
  current = 0; // the line that the keyboard is on
  openId = ""; // the failure whose details are open
  readonly #head: Head;
  readonly #drawn: DrawnLines;
  readonly #sizer: HTMLElement;
  readonly #lines: Lines;
  readonly #name = `ft-grid-${(grids += 1)}`;
  #key = ""; // of the current line
  #asked = ""; // what decides the order: another one starts at the top
  #pivot = ""; // where a range of selected lines starts
  #isSeeking = false; // the group of a member, above what is held
  #isExtending = false; // the selection, to a line that is on its way
  #drawnTop = 0; // lines above the upper edge when it was last drawn
  #frame = 0;

  constructor(
    private readonly source: DataSource,
    private readonly events: GridEvents,
  ) {
    this.columns = new Columns(() => this.#restyle());
    this.#lines = new Lines(source, (moved) => this.#arrived(moved), events.failed);
    this.#head = new Head(this.columns, (name) => void this.#sort(name));
    this.#drawn = new DrawnLines(this.columns);
    this.#sizer = h("div", { class: "ft-sizer", role: "presentation" }, this.#drawn.element);
    this.element = h(
      "div",
      {
        class: "ft-grid",
        role: "treegrid",
        tabindex: 0,
        "aria-label": t("Failures"),
        "aria-multiselectable": "true",
      },
      this.#head.element,
      h("div", { role: "rowgroup", class: "ft-body" }, this.#sizer),
    );
    this.element.addEventListener("scroll", () => this.#soon());
    this.element.addEventListener("click", (event) => this.#onClick(event));
    this.#restyle();
  }

  /** Draws what the state says now. */
  update(): void {
    const { search, query, sort, descending, grouped, facets } = this.source.state;
    const chosen = facets.map((facet) => facet.values.filter((one) => one.chosen));
    const asked = JSON.stringify([
      search,
      query,
      sort,
      descending,
      grouped,
      chosen.flat().map((one) => one.value),
    ]);
    if (asked !== this.#asked && this.#asked) {
      this.element.scrollTop = 0;
      this.current = 0;
      this.#key = "";
    } else if (this.#isLong) this.#scrollTo(this.#drawnTop); // a pixel is more lines than before
    this.#asked = asked;
    this.#head.draw(this.source.state);
    this.draw();
  }

  // --- where things are

  get #isLong(): boolean {
    return this.#lines.count * LINE > MAX_HEIGHT;
  }

  get #height(): number {
    return Math.min(MAX_HEIGHT, this.#lines.count * LINE);
  }

  get #room(): number {
    return Math.max(LINE, this.element.clientHeight - this.#head.element.offsetHeight);
  }

  /** Lines for each pixel that is scrolled. */
  get #scale(): number {
    if (!this.#isLong) return 1 / LINE;
    return (this.#lines.count - this.#room / LINE) / (this.#height - this.#room);
  }

  /** How many lines are above the upper edge, with a fraction. */
  get #top(): number {
    return this.element.scrollTop * this.#scale;
  }

  #scrollTo(line: number): void {
    this.#sizer.style.height = `${this.#height}px`;
    this.element.scrollTop = line / this.#scale;
  }

  // --- drawing

  #soon(): void {
    this.#frame ||= requestAnimationFrame(() => {
      this.#frame = 0;
      this.draw();
    });
  }

  #arrived(moved: number): void {
    if (moved) this.#scrollTo(this.#top + moved);
    this.draw();
    if (this.#isSeeking) this.#toGroup();
    const row = this.#lines.at(this.current);
    if (this.#isExtending && row) this.#extend(row);
  }

  draw(): void {
    this.element.style.setProperty("--ft-fit", `${(this.#lines.count + 1) * LINE + 2}px`);
    const room = this.#room / LINE;
    const moved = this.#lines.want(Math.floor(this.#top), Math.ceil(this.#top + room) + 1);
    if (moved) this.#scrollTo(this.#top + moved);
    const top = Math.max(0, Math.min(this.#top, this.#lines.count - 1));
    const first = Math.max(0, Math.floor(top) - MORE);
    const last = Math.min(this.#lines.count, Math.ceil(top + room) + MORE);
    this.#drawnTop = top;
    this.#follow();
    this.#sizer.style.height = `${this.#height}px`;
    const above = this.element.scrollTop - (top - first) * LINE;
    this.#drawn.element.style.transform = `translateY(${above}px)`;
    const lines = [];
    for (let index = first; index < last; index += 1) lines.push(this.#line(index));
    this.#drawn.draw(lines);
    this.element.setAttribute("aria-rowcount", String(this.#lines.count + 1));
    if (this.current >= first && this.current < last)
      this.element.setAttribute("aria-activedescendant", this.#id(this.current));
    else this.element.removeAttribute("aria-activedescendant");
  }

  /** The current line stays with its failure when others come before it. */
  #follow(): void {
    const here = this.#key ? this.#lines.find(this.#key) : -1;
    if (here >= 0) this.current = here;
    this.current = Math.max(0, Math.min(this.current, this.#lines.count - 1));
    const row = this.#lines.at(this.current);
    if (row && (here >= 0 || this.#key === "pending")) this.#key = row.key;
  }

  #id(index: number): string {
    return `${this.#name}-${index}`;
  }

  #line(index: number) {
    const row = this.#lines.at(index);
    const isCurrent = index === this.current;
    const isOpen = row !== undefined && row.id === this.openId;
    return { row, place: { id: this.#id(index), index, isCurrent, isOpen } };
  }

  #restyle(): void {
    if (!this.element) return;
    this.element.style.setProperty("--ft-columns", this.columns.template);
    this.element.style.setProperty("--ft-least", `${this.columns.least}px`);
    this.#head.draw(this.source.state);
    this.draw();
  }

  async #sort(name: ColumnName): Promise<void> {
    const { sort, descending } = this.source.state;
    const downFirst = name === "number" || name === "time" || name === "count";
    const next = name === sort ? !descending : downFirst;
    await this.#try(this.source.show({ sort: name, descending: next }));
  }

  async #try(doing: Promise<unknown>): Promise<void> {
    await doing.catch(this.events.failed);
  }

  // --- mouse and keys

  #onClick(event: MouseEvent): void {
    const target = event.target as HTMLElement;
    const what = target.closest<HTMLElement>("[data-do]")?.dataset["do"];
    if (what === "all") {
      void this.#try(this.source.select((target as HTMLInputElement).checked ? "all" : "none"));
      return;
    }
    const place = target.closest<HTMLElement>(".ft-row")?.dataset["index"];
    const row = place === undefined ? undefined : this.#lines.at(Number(place));
    if (!row) return;
    const before = this.#lines.at(this.current)?.key ?? "";
    this.go(Number(place), false);
    this.element.focus({ preventScroll: true }); // keys go on from here, also after a tick
    if (what === "toggle") this.toggle(row);
    else if (event.shiftKey) this.#extend(row, before);
    else if (what === "select" || event.ctrlKey || event.metaKey) this.#pick(row);
    else {
      this.#pivot = row.key;
      this.events.open(row, true);
    }
  }

  toggle(row: Row): void {
    if (row.count > 1) void this.#try(this.source.show({ toggle: row.key }));
  }

  #pick(row: Row): void {
    this.#pivot = row.key;
    void this.#try(this.source.select(row.selected === "all" ? "remove" : "add", [row.key]));
  }

  #extend(row: Row, from = row.key): void {
    this.#isExtending = false;
    this.#pivot ||= from;
    void this.#try(this.source.select("range", [this.#pivot, row.key]));
  }

  /** Makes a line the current one, and brings it into view. */
  go(index: number, intoView = true): void {
    this.current = Math.max(0, Math.min(index, this.#lines.count - 1));
    this.#key = this.#lines.at(this.current)?.key ?? "pending";
    const room = Math.max(1, Math.floor(this.#room / LINE));
    if (intoView && this.current < this.#top) this.#scrollTo(this.current);
    else if (intoView && this.current > this.#top + room - 1)
      this.#scrollTo(this.current - room + 1);
    this.draw();
  }

  /** What a key does to the lines; false where it is none of ours. */
  onKey(event: KeyboardEvent): boolean {
    const page = Math.max(1, Math.floor(this.#room / LINE) - 1);
    const steps: Record<string, number> = {
      ArrowDown: 1,
      ArrowUp: -1,
      PageDown: page,
      PageUp: -page,
      Home: -Infinity,
      End: Infinity,
    };
    const step = steps[event.key];
    const row = this.#lines.at(this.current);
    this.#isSeeking = false;
    if (step !== undefined) {
      if (event.shiftKey && row) this.#pivot ||= row.key;
      if (!event.shiftKey) this.#pivot = "";
      this.go(Math.max(0, Math.min(this.current + step, this.#lines.count - 1)));
      const next = this.#lines.at(this.current);
      this.#isExtending = event.shiftKey && !next;
      if (event.shiftKey && next) this.#extend(next);
    } else if (event.key === "a" && (event.ctrlKey || event.metaKey)) {
      void this.#try(this.source.select("all"));
    } else if (!row) return false;
    else if (event.key === "Enter") this.events.open(row, false);
    else if (event.key === " ") this.#pick(row);
    else if (event.key === "ArrowRight" && !row.open) this.toggle(row);
    else if (event.key === "ArrowLeft" && row.open) this.toggle(row);
    else if (event.key === "ArrowLeft" && row.member) this.#toGroup();
    else return false;
    return true;
  }

  #toGroup(): void {
    do {
      let index = this.current;
      while (index > 0 && this.#lines.at(index)?.member) index -= 1;
      this.#isSeeking = this.#lines.at(index) === undefined; // goes on when it arrives
      this.go(index);
    } while (this.#isSeeking && this.#lines.at(this.current));
  }
}
