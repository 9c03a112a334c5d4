import { asMarkdown } from "./copy.js";
import { visible } from "./dom.js";
import { counted } from "./words.js";
import { lineOf, object, text, where } from "./place.js";
import * as protocol from "./protocol.js";
import type { Facet, FacetName, Row, Show, State } from "./protocol.js";
import { Failures, Shown, type Wishes } from "./shown.js";
import type {
  DataSource,
  Detail,
  ExportRequest,
  Exported,
  Failure,
  Progress,
  Window,
} from "./source.js";

const FIRST_LINES = 50; // come with the state
const MAX_WINDOW = 500; // lines
const MAX_FACET = 1_000; // values
const MAX_MESSAGE = 300; // characters of a text in a row; details have it in full
const SLICE = 30; // milliseconds after which an export lets the page breathe

const HOW = ["only", "add", "remove", "range", "all", "none"];
const SCOPES = ["all", "shown", "selected"];
const EXTENSIONS = new Map([
  ["json", "json"],
  ["markdown", "md"],
]);

/** The failures of a page that has no kernel: all that a table asks for happens here. */
export class Records implements DataSource {
  readonly canWriteFiles = false;
  readonly canClear = false;
  readonly isWaiting = false;
  readonly wrong = "";
  readonly #ids: string[] = [];
  readonly #places = new Map<string, number>(); // by id
  readonly #listeners = new Set<() => void>();
  readonly #expected: number;
  #shown: Shown;
  #picked: Uint8Array; // 1 for each failure that is selected
  #state: State;

  /** `failures`, oldest first, are kept as they are; a row's number is its place from 1. */
  constructor(failures: Failure[]) {
    const all = failures.map((one): Failure => object(one));
    all.forEach(({ id }, place) => {
      const known = text(id);
      this.#ids.push(known && !this.#places.has(known) ? known : `#${place + 1}`);
      this.#places.set(this.#ids[place]!, place);
    });
    this.#expected = all.filter(({ expected }) => expected).length;
    this.#picked = new Uint8Array(all.length);
    this.#shown = new Shown(new Failures(all), {
      search: "",
      facets: {},
      sort: "number",
      descending: true,
      grouped: true,
      opened: new Set(),
    });
    this.#state = this.#described(0);
  }

  get state(): State {
    return this.#state;
  }

  subscribe(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  get #all(): Failure[] {
    return this.#shown.failures.all;
  }

  #tell(): void {
    this.#state = this.#described(this.#state.version + 1);
    for (const listener of [...this.#listeners]) listener();
  }

  #described(version: number): State {
    const { kept, places, wishes } = this.#shown;
    const facets = protocol.FACETS.map((name) => this.#shown.facet(name));
    return {
      v: protocol.VERSION,
      version,
      total: this.#all.length,
      shown: kept.length,
      lines: places.length,
      expected: this.#expected,
      dropped: 0,
      selected: this.#picked.reduce((sum, one) => sum + one, 0),
      undo: 0,
      search: wishes.search,
      query: "",
      sort: wishes.sort,
      descending: wishes.descending,
      grouped: wishes.grouped,
      facets: facets.filter(({ values }) => values.length).map(legible),
      formats: [...EXTENSIONS.keys()],
      rows: this.#rows(0, FIRST_LINES),
    };
  }

  // --- lines

  /** At most 500 lines; a start beyond the lines is their end. */
  async window(start: number, count: number, anchor?: string): Promise<Window> {
    const lines = this.#shown.places.length;
    const found = anchor === undefined ? -1 : this.#shown.line(anchor);
    const from = found < 0 ? clamped(start, lines) : found;
    const rows = this.#rows(from, clamped(count, MAX_WINDOW));
    return { version: this.#state.version, start: from, lines, rows };
  }

  #rows(start: number, count: number): Row[] {
    const { kept, counts, failures, places } = this.#shown;
    const picked = new Int32Array(counts.length); // of each group
    for (const place of kept) picked[failures.groups.codes[place]!]! += this.#picked[place]!;
    const end = Math.min(start + count, places.length);
    return Array.from({ length: Math.max(0, end - start) }, (_, line) =>
      this.#row(start + line, picked),
    );
  }

  #row(line: number, pickedOf: Int32Array): Row {
    const { places, groups, counts, wishes } = this.#shown;
    const place = places[line]!;
    const group = groups[line]!;
    const failure = this.#all[place]!;
    const count = group < 0 ? 1 : counts[group]!;
    const picked = group < 0 ? this.#picked[place]! : pickedOf[group]!;
    return {
      key: this.#shown.key(line),
      id: this.#ids[place]!,
      number: place + 1,
      time: visible(text(failure.timestamp)),
      where: oneLine(where(failure)),
      type: oneLine(text(failure.exception_type)),
      message: oneLine(text(failure.exception_message)),
      line: oneLine(lineOf(failure)),
      count,
      open: wishes.opened.has(group),
      member: group < 0 && wishes.grouped,
      selected: !picked ? "none" : picked === count ? "all" : "some",
      expected: Boolean(failure.expected),
    };
  }

  /** The failure with the id of a row; an Error where there is none. */
  async detail(id: string): Promise<Detail> {
    const failure = this.#all[this.#places.get(id) ?? -1];
    if (!failure) throw new Error(`There is no failure ${JSON.stringify(id)} on this page.`);
    return { failure, json: JSON.stringify(failure, null, 2) };
  }

  async facets(name: FacetName): Promise<Facet> {
    check("facet", name, protocol.FACETS);
    return legible(this.#shown.facet(name, MAX_FACET));
  }

  // --- what the reader wishes

  /** Changes all of it or, with an Error that says what is wrong, nothing. */
  async show(change: Show): Promise<void> {
    const wrong = protocol.problem(protocol.REQUESTS.show, change);
    if (wrong) throw new Error(`The table cannot be shown like this: ${wrong}.`);
    const { query, toggle, ...rest } = change;
    if (query) throw new Error("Queries need a running kernel; use the search and the filters.");
    if (rest.sort !== undefined) check("column", rest.sort, protocol.COLUMNS);
    for (const [name, values] of Object.entries(rest.facets ?? {})) {
      check("facet", name, protocol.FACETS);
      if (!Array.isArray(values)) throw new Error(`The values of facet ${name} are no list.`);
    }
    const given = Object.entries(rest).filter(([, value]) => value !== undefined);
    const wishes: Wishes = { ...this.#shown.wishes, ...Object.fromEntries(given) };
    if (toggle !== undefined) wishes.opened = this.#toggled(toggle);
    this.#shown = new Shown(this.#shown.failures, wishes, this.#shown);
    this.#tell();
  }

  #toggled(key: string): Set<number> {
    const group = /^g\d+$/.test(key) ? Number(key.slice(1)) : -1;
    if (this.#shown.counts[group] === undefined)
      throw new Error(`${JSON.stringify(key)} is not the key of a group.`);
    const opened = new Set(this.#shown.wishes.opened);
    if (!opened.delete(group)) opened.add(group);
    return opened;
  }

  /** Keys of lines that are not there (any more) are passed over. */
  async select(how: string, keys: string[] = []): Promise<void> {
    check("way to select", how, HOW);
    const picked =
      how === "add" || how === "remove" ? this.#picked.slice() : this.#picked.map(() => 0);
    for (const place of this.#meant(how, keys)) picked[place] = how === "remove" ? 0 : 1;
    this.#picked = picked;
    this.#tell();
  }

  /** The places of the failures that a selection is about. */
  #meant(how: string, keys: string[]): Iterable<number> {
    if (how === "none") return [];
    if (how === "all") return this.#shown.kept;
    const lines = keys.map((key) => this.#shown.line(key)).filter((line) => line >= 0);
    if (how !== "range" || !lines.length) return this.#shown.members(lines);
    const [one, other] = [lines[0]!, lines.at(-1)!];
    const length = Math.abs(one - other) + 1;
    return this.#shown.members(Array.from({ length }, (_, line) => Math.min(one, other) + line));
  }

  async clear(): Promise<number> {
    throw new Error("The failures of this page cannot be cleared; do it in the notebook.");
  }

  async forget(): Promise<void> {}

  async undo(): Promise<number> {
    throw new Error("The failures of this page were not cleared; there is nothing to undo.");
  }

  // --- export

  /** A file to download, oldest failure first; rejects with the signal's reason if aborted. */
  async export(request: ExportRequest, progress: Progress): Promise<Exported> {
    const { format, scope, target } = request;
    check("format", format, [...EXTENSIONS.keys()]);
    check("scope", scope, SCOPES);
    check("target", target, ["download"]);
    const chosen = {
      all: () => this.#all,
      shown: () => Array.from(this.#shown.kept, (place) => this.#all[place]!),
      selected: () => this.#all.filter((_, place) => this.#picked[place]),
    }[scope as "all" | "shown" | "selected"]();
    const pieces = format === "json" ? asJson(chosen) : asDocument(chosen);
    const blob = await written(pieces, chosen.length, progress);
    return { filename: `failextract-report.${EXTENSIONS.get(format)}`, blob };
  }
}

function* asJson(failures: Failure[]): Generator<string> {
  const metadata = {
    failure_count: failures.length,
    generated: new Date().toISOString(),
    schema_version: 1,
  };
  yield `{\n"metadata": ${JSON.stringify(metadata, null, 2)},\n"failures": [`;
  for (const [place, failure] of failures.entries())
    yield `${place ? "," : ""}\n${JSON.stringify(failure, null, 2)}`;
  yield "\n]\n}\n";
}

function* asDocument(failures: Failure[]): Generator<string> {
  yield `# Failure report\n\n${counted(failures.length)}.\n`;
  for (const failure of failures) yield `\n${asMarkdown(failure).trim()}\n`;
}

/** The pieces in one, made in slices; about `count` of them are to come. */
async function written(pieces: Iterable<string>, count: number, progress: Progress): Promise<Blob> {
  const parts: string[] = [];
  let pause = 0;
  for (const piece of pieces) {
    parts.push(piece);
    if (performance.now() < pause) continue;
    progress.report(Math.min(1, parts.length / (count + 1)));
    await new Promise((resolve) => setTimeout(resolve));
    progress.signal.throwIfAborted();
    pause = performance.now() + SLICE;
  }
  return new Blob(parts);
}

function check(what: string, name: string, known: readonly string[]): void {
  if (!known.includes(name))
    throw new Error(`There is no ${what} ${JSON.stringify(name)}; there are: ${known.join(", ")}.`);
}

const clamped = (value: number, end: number): number =>
  Math.max(0, Math.min(end, Math.trunc(value) || 0));

/** A text on one line, with … where it is cut. */
function oneLine(whole: string): string {
  const start = whole.slice(0, 4 * MAX_MESSAGE); // of a message of megabytes
  const line = [...visible(start).replace(/\s+/g, " ").trim()];
  if (line.length <= MAX_MESSAGE && start === whole) return line.join("");
  return `${line.slice(0, MAX_MESSAGE - 1).join("")}…`;
}

const legible = (facet: Facet): Facet => ({
  ...facet,
  values: facet.values.map((one) => ({ ...one, label: oneLine(one.label) })),
});
