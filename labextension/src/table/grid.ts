import { Columns } from "./columns.js";
import { h } from "./dom.js";
import { headers, line, waitingLine } from "./line.js";
import { Lines } from "./lines.js";
import type { ColumnName, Row } from "./protocol.js";
import type { DataSource } from "./source.js";

const LINE = 28; // pixels
// Browsers draw nothing below 16 to 33 million pixels: a longer table scrolls in proportion.
const MAX_HEIGHT = 8_000_000;
const MORE = 4; // lines drawn beyond what is in view

export interface GridEvents {
  open(row: Row): void; // its details
  failed(error: unknown): void;
}

let grids = 0;

/** The lines of a table, of which only those in view are in the page. */
export class Grid {
  readonly element: HTMLElement;
  readonly columns: Columns;
  current = 0; // the line that the keyboard is on
  openId = ""; // the failure whose details are open
  readonly #head = h("div", { class: "ft-head", role: "row", "aria-rowindex": 1 });
  readonly #rows = h("div", { class: "ft-rows", role: "presentation" });
  readonly #sizer = h("div", { class: "ft-sizer", role: "presentation" }, this.#rows);
  readonly #lines: Lines;
  readonly #name = `ft-grid-${(grids += 1)}`;
  #key = ""; // of the current line
  #asked = ""; // what decides the order: another one starts at the top
  #pivot = ""; // where a range of selected lines starts
  #frame = 0;

  constructor(
    private readonly source: DataSource,
    private readonly events: GridEvents,
  ) {
    this.columns = new Columns(() => this.#restyle());
    this.#lines = new Lines(source, (moved) => this.#arrived(moved), events.failed);
    this.element = h(
      "div",
      {
        class: "ft-grid",
        role: "treegrid",
        tabindex: 0,
        "aria-label": "Failures",
        "aria-multiselectable": "true",
      },
      this.#head,
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
    }
    this.#asked = asked;
    this.#drawHead();
    this.draw();
  }

  // --- where things are

  get #height(): number {
    return Math.min(MAX_HEIGHT, this.#lines.count * LINE);
  }

  get #room(): number {
    return Math.max(LINE, this.element.clientHeight - this.#head.offsetHeight);
  }

  /** How many lines are above the upper edge, with a fraction. */
  get #top(): number {
    const { scrollTop } = this.element;
    const all = this.#lines.count * LINE;
    if (all <= MAX_HEIGHT) return scrollTop / LINE;
    return (scrollTop / (this.#height - this.#room)) * (this.#lines.count - this.#room / LINE);
  }

  #scrollTo(line: number): void {
    const all = this.#lines.count * LINE;
    const share = line / (this.#lines.count - this.#room / LINE);
    this.element.scrollTop = all <= MAX_HEIGHT ? line * LINE : share * (this.#height - this.#room);
  }

  // --- drawing

  #soon(): void {
    this.#frame ||= requestAnimationFrame(() => {
      this.#frame = 0;
      this.draw();
    });
  }

  #arrived(moved: number): void {
    if (moved && this.#lines.count * LINE <= MAX_HEIGHT) {
      this.#sizer.style.height = `${this.#height}px`;
      this.element.scrollTop += moved * LINE;
    }
    this.draw();
  }

  draw(): void {
    const top = Math.max(0, Math.min(this.#top, this.#lines.count - 1));
    const first = Math.max(0, Math.floor(top) - MORE);
    const last = Math.min(this.#lines.count, Math.ceil(top + this.#room / LINE) + MORE);
    this.#lines.want(Math.floor(top), Math.min(this.#lines.count, last - MORE + 1));
    this.#follow();
    this.#sizer.style.height = `${this.#height}px`;
    this.#rows.style.transform = `translateY(${this.element.scrollTop - (top - first) * LINE}px)`;
    const rows = [];
    for (let index = first; index < last; index += 1) rows.push(this.#row(index));
    this.#rows.replaceChildren(...rows);
    this.element.setAttribute("aria-rowcount", String(this.#lines.count + 1));
    if (this.current >= first && this.current < last)
      this.element.setAttribute("aria-activedescendant", this.#id(this.current));
    else this.element.removeAttribute("aria-activedescendant");
  }

  /** The current line stays with its failure when others come before it. */
  #follow(): void {
    const here = this.#key ? this.#lines.find((row) => row.key === this.#key) : -1;
    if (here >= 0) this.current = here;
    this.current = Math.max(0, Math.min(this.current, this.#lines.count - 1));
    const row = this.#lines.at(this.current);
    if (row && (here >= 0 || this.#key === "pending")) this.#key = row.key;
  }

  #id(index: number): string {
    return `${this.#name}-${index}`;
  }

  #row(index: number): HTMLElement {
    const row = this.#lines.at(index);
    const isCurrent = index === this.current;
    if (!row) return waitingLine(index, isCurrent);
    const isOpen = row.id === this.openId;
    return line(row, { id: this.#id(index), index, isCurrent, isOpen, columns: this.columns });
  }

  #restyle(): void {
    if (!this.element) return;
    this.element.style.setProperty("--ft-columns", this.columns.template);
    this.element.style.setProperty("--ft-least", `${this.columns.least}px`);
    this.#drawHead();
    this.draw();
  }

  #drawHead(): void {
    const focused = document.activeElement as HTMLElement | null;
    const column = this.#head.contains(focused) ? focused?.dataset["column"] : undefined;
    const sort = (name: ColumnName) => void this.#sort(name);
    this.#head.replaceChildren(...headers(this.source.state, this.columns, sort));
    if (column) this.#head.querySelector<HTMLElement>(`[data-column="${column}"]`)?.focus();
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
    this.go(Number(place), false);
    if (what === "toggle") this.toggle(row);
    else if (event.shiftKey) this.#extend(row);
    else if (what === "select" || event.ctrlKey || event.metaKey) this.#pick(row);
    else this.events.open(row);
  }

  toggle(row: Row): void {
    if (row.count > 1) void this.#try(this.source.show({ toggle: row.key }));
  }

  #pick(row: Row): void {
    this.#pivot = row.key;
    void this.#try(this.source.select(row.selected === "all" ? "remove" : "add", [row.key]));
  }

  #extend(row: Row): void {
    this.#pivot ||= row.key;
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
    if (step !== undefined) {
      if (event.shiftKey && row) this.#pivot ||= row.key;
      if (!event.shiftKey) this.#pivot = "";
      this.go(Math.max(0, Math.min(this.current + step, this.#lines.count - 1)));
      const next = this.#lines.at(this.current);
      if (event.shiftKey && next) this.#extend(next);
    } else if (event.key === "a" && (event.ctrlKey || event.metaKey)) {
      void this.#try(this.source.select("all"));
    } else if (!row) return false;
    else if (event.key === "Enter") this.events.open(row);
    else if (event.key === " ") this.#pick(row);
    else if (event.key === "ArrowRight" && !row.open) this.toggle(row);
    else if (event.key === "ArrowLeft" && row.open) this.toggle(row);
    else if (event.key === "ArrowLeft" && row.member) this.#toGroup();
    else return false;
    return true;
  }

  #toGroup(): void {
    let index = this.current;
    while (index > 0 && this.#lines.at(index)?.member) index -= 1;
    this.go(index);
  }
}
