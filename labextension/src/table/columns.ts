import { h } from "./dom.js";
import { number, t } from "./words.js";
import { COLUMNS, type ColumnName, type Row } from "./protocol.js";

interface Column {
  title: string;
  width: number; // pixels; the message takes what is left
  from: number; // pixels of the table from which on it is shown unasked
  content(row: Row): Node | string;
}

const clock = new Intl.DateTimeFormat(undefined, { timeStyle: "medium" });
const calendar = new Intl.DateTimeFormat(undefined, { dateStyle: "short", timeStyle: "medium" });

/** A time in the reader's zone and words; the day only where it is not today. */
export function when(stamp: string): Node | string {
  const time = new Date(stamp);
  if (Number.isNaN(time.getTime())) return stamp;
  const today = time.toDateString() === new Date().toDateString();
  const text = (today ? clock : calendar).format(time);
  return h("time", { datetime: stamp, title: calendar.format(time) }, text);
}

const COLUMN: Record<ColumnName, Column> = {
  number: { title: "#", width: 56, from: 620, content: (row) => number(row.number) },
  time: { title: "Time", width: 104, from: 620, content: (row) => when(row.time) },
  where: { title: "Where", width: 130, from: 0, content: (row) => row.where },
  type: { title: "Exception", width: 150, from: 0, content: (row) => row.type },
  message: { title: "Message", width: 0, from: 0, content: (row) => row.message },
  line: { title: "Line", width: 84, from: 520, content: (row) => row.line },
  count: { title: "Count", width: 74, from: 0, content: (row) => number(row.count) },
};

const BOX = 28; // pixels, of the box that selects a line
const MIN_WIDTH = 40;
const MIN_MESSAGE = 96;
const STEP = 16; // pixels by which a key makes a column wider

/** Which columns a view shows, and how wide: the reader's wishes, else what there is room for. */
export class Columns {
  readonly #widths = new Map<ColumnName, number>();
  readonly #wanted = new Map<ColumnName, boolean>();
  #room = 1000;

  /** Called with every change. */
  constructor(private readonly changed: () => void) {}

  get shown(): ColumnName[] {
    return COLUMNS.filter((name) => this.isShown(name));
  }

  isShown(name: ColumnName): boolean {
    return this.#wanted.get(name) ?? COLUMN[name].from <= this.#room;
  }

  title(name: ColumnName): string {
    return t(COLUMN[name].title);
  }

  content(name: ColumnName, row: Row): Node | string {
    return COLUMN[name].content(row);
  }

  show(name: ColumnName, yes: boolean): void {
    this.#wanted.set(name, yes);
    this.changed();
  }

  /** As if the reader had never touched them. */
  reset(): void {
    this.#widths.clear();
    this.#wanted.clear();
    this.changed();
  }

  resize(name: ColumnName, width: number | null): void {
    if (width === null) this.#widths.delete(name);
    else this.#widths.set(name, Math.max(MIN_WIDTH, Math.round(width)));
    this.changed();
  }

  /** The pixels that the table has for all columns. */
  set room(pixels: number) {
    if (pixels === this.#room || pixels <= 0) return;
    this.#room = pixels;
    this.changed();
  }

  #width(name: ColumnName): number {
    const usual = COLUMN[name].width * (this.#room < 380 ? 0.5 : this.#room < 520 ? 0.66 : 1);
    return this.#widths.get(name) ?? (Math.round(usual) || MIN_MESSAGE);
  }

  /** For `grid-template-columns`; the first is the box that selects a line. */
  get template(): string {
    const widths = this.shown.map((name) =>
      name === "message" && !this.#widths.has(name)
        ? `minmax(${MIN_MESSAGE}px, 1fr)`
        : `${this.#width(name)}px`,
    );
    return [`${BOX}px`, ...widths].join(" ");
  }

  /** The pixels that the columns take at least. */
  get least(): number {
    return this.shown.reduce((sum, name) => sum + this.#width(name), BOX);
  }

  /** The handle at a header's edge: drag it, or double-click for the usual width. */
  handle(name: ColumnName): HTMLElement {
    const handle = h("span", { class: "ft-handle", "aria-hidden": "true" });
    handle.addEventListener("pointerdown", (event) => {
      event.preventDefault();
      event.stopPropagation();
      const start = event.clientX;
      const width = handle.parentElement!.getBoundingClientRect().width;
      handle.setPointerCapture(event.pointerId);
      const move = (moved: PointerEvent) => this.resize(name, width + moved.clientX - start);
      handle.addEventListener("pointermove", move);
      handle.addEventListener("lostpointercapture", () => {
        handle.removeEventListener("pointermove", move);
      });
    });
    handle.addEventListener("click", (event) => event.stopPropagation());
    handle.addEventListener("dblclick", (event) => {
      event.stopPropagation();
      this.resize(name, null);
    });
    return handle;
  }

  /** Alt and an arrow on a header make its column narrower or wider. */
  onKey(name: ColumnName, event: KeyboardEvent): void {
    const direction = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!event.altKey || direction === undefined) return;
    event.preventDefault();
    const header = (event.currentTarget as HTMLElement).parentElement!;
    this.resize(name, header.getBoundingClientRect().width + direction * STEP);
  }
}
