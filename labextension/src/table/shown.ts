import { list, object, text, where } from "./place.js";
import { FACETS, type ColumnName, type Facet, type FacetName } from "./protocol.js";
import type { Failure, Raised } from "./source.js";

/** What a reader asks for; of `opened` groups the members are lines, too. */
export interface Wishes {
  search: string;
  facets: Partial<Record<FacetName, string[]>>;
  sort: ColumnName;
  descending: boolean;
  grouped: boolean;
  opened: ReadonlySet<number>;
}

const LISTED = 20; // values of a facet
const MAX_DEPTH = 50; // of causes and members; what capture writes is far flatter
const CELL_FILES = ["Cell In[", "<ipython-input"];
const NONE = Infinity; // goes last, whichever way one sorts
const UNKNOWN = "unknown";

const some = (value: unknown): string => (value ? text(value) : "");

/** Lower case would keep ß apart from ss, and ς from σ. */
const folded = (value: string): string => value.toUpperCase();

/** What equal failures have in common. A cell that runs again has another number: its id stands. */
function equality(failure: Failure): string[] {
  let name = text(failure.test_name ?? UNKNOWN);
  let file = text(failure.test_file ?? UNKNOWN);
  if (name === UNKNOWN || name === `In[${text(failure.execution_count)}]`) name = "";
  if (failure.cell_id && CELL_FILES.some((start) => file.startsWith(start)))
    file = text(failure.cell_id);
  const { exception_type, exception_message, line_number, origin } = failure;
  return [...[exception_type, exception_message, line_number, origin].map(some), file, name];
}

const one = (key: keyof Failure) => (failure: Failure) => {
  const value = some(failure[key]);
  return value ? [value] : [];
};

function tags(failure: Failure): string[] {
  if (!Array.isArray(failure.tags)) return one("tags")(failure);
  return [...new Set(failure.tags.map(text))];
}

const VALUES: Record<FacetName, (failure: Failure) => string[]> = {
  type: one("exception_type"),
  origin: one("origin"),
  cell: one("cell_id"),
  thread: one("thread_name"),
  tag: tags,
};

/** All that a search looks through, but for sources. */
function searched(failure: Failure): string {
  const { exception_type, exception_message, test_name, test_file, thread_name } = failure;
  const named = [exception_type, exception_message, test_name, test_file, thread_name].map(some);
  const rest = [failure.exception_traceback, ...list(failure.test_args)].map(text);
  const parts = [where(failure), ...named, ...tags(failure), ...rest];
  addVariables(parts, failure, MAX_DEPTH);
  return folded(parts.join("\n"));
}

/** Arguments, fixtures and locals, those of causes and members too. */
function addVariables(parts: string[], raised: Failure, depth: number): void {
  for (const held of [raised.test_kwargs, raised.fixtures, ...list(raised.locals)])
    for (const [name, value] of Object.entries(object(held)))
      parts.push(`${name} = ${text(value)}`);
  if (!depth) return;
  for (const inner of [...list(raised.causes), ...list(raised.exceptions)])
    addVariables(parts, object(inner) as Raised, depth - 1);
}

/** Microseconds since 1970; NaN where the stamp cannot be read. */
function moment(stamp: string): number {
  const zoned = /(Z|[+-]\d\d:?\d\d)$/i.test(stamp) ? stamp : `${stamp}Z`;
  const finer = /\.\d{3}(\d{1,3})/.exec(stamp)?.[1] ?? ""; // than a Date is
  return Date.parse(zoned) * 1000 + Number(finer.padEnd(3, "0"));
}

/** What a column is sorted by, where it is no text; NONE or NaN where there is none. */
function amount(column: ColumnName, failure: Failure): number {
  if (column === "time") return moment(text(failure.timestamp));
  const line = Number(text(failure.line_number));
  return line > 0 && line < 2 ** 53 ? Math.trunc(line) : NONE;
}

/** What a function says of each failure, written as numbers: the place in `values`. */
class Column {
  readonly values: string[][] = [];
  readonly codes: Int32Array;

  constructor(failures: Failure[], valuesOf: (failure: Failure) => string[]) {
    const known = new Map<string, number>();
    this.codes = Int32Array.from(failures, (failure) => {
      const values = valuesOf(failure);
      const key = JSON.stringify(values);
      const code = known.get(key) ?? this.values.push(values) - 1;
      if (code === known.size) known.set(key, code);
      return code;
    });
  }
}

/** The failures, oldest first, and what is worked out once for all that is ever shown of them. */
export class Failures {
  readonly groups: Column; // numbered as they appear
  readonly facets: Record<FacetName, Column>;
  readonly cells = new Map<string, string>(); // id -> the name that it had when it last failed
  #texts: string[] = [];
  #sources: Column | null = null; // once somebody has searched
  readonly #ranks = new Map<ColumnName, Float64Array>();

  constructor(readonly all: Failure[]) {
    this.groups = new Column(all, equality);
    const columns = FACETS.map((name) => [name, new Column(all, VALUES[name])]);
    this.facets = Object.fromEntries(columns) as Record<FacetName, Column>;
    for (const { cell_id, execution_count } of all)
      if (cell_id)
        this.cells.set(text(cell_id), execution_count ? `In[${text(execution_count)}]` : "a cell");
  }

  /** Which failures hold `wanted`, whatever its case: 1 for each that does, of those `among`. */
  search(wanted: string, among: Uint8Array | null): Uint8Array {
    if (!this.#sources) {
      this.#sources = new Column(this.all, ({ cell_source, test_source }) => [
        folded(some(cell_source) || some(test_source)),
      ]);
      this.#texts = this.all.map(searched);
    }
    const { values, codes } = this.#sources;
    const sought = folded(wanted);
    const hits = values.map(([source]) => source!.includes(sought));
    return Uint8Array.from(this.#texts, (each, place) =>
      Number(among?.[place] !== 0 && (hits[codes[place]!]! || each.includes(sought))),
    );
  }

  /** What each failure is sorted by. */
  ranks(column: ColumnName): Float64Array {
    const ranks = this.#ranks.get(column) ?? this.#ranked(column);
    this.#ranks.set(column, ranks);
    return ranks;
  }

  #ranked(column: ColumnName): Float64Array {
    if (column === "time" || column === "line")
      return Float64Array.from(this.all, (failure) => amount(column, failure));
    const texts = this.all.map((failure) => {
      if (column === "where") return where(failure);
      return some(column === "type" ? failure.exception_type : failure.exception_message);
    });
    const places = new Map([...new Set(texts)].sort().map((value, place) => [value, place]));
    return Float64Array.from(texts, (value) => places.get(value)!);
  }
}

/** The lines of a table: groups by their newest member, and in open ones their members. */
export class Shown {
  readonly kept: Int32Array; // the places of the failures that are shown, oldest first
  readonly counts: Int32Array; // how many of each group are
  readonly places: Int32Array; // of each line's failure
  readonly groups: Int32Array; // of each line; -1 for a failure that stands for itself
  readonly #found: Uint8Array | null; // what the search leaves; null: all
  readonly #out = new Map<FacetName, Uint8Array>(); // what each facet leaves out
  readonly #reasons: Uint8Array; // how many leave a failure out
  #lines: Map<string, number> | null = null; // by key, once one is looked for

  /** `before` is what was shown: a search that goes on from there looks at what it found only. */
  constructor(
    readonly failures: Failures,
    readonly wishes: Wishes,
    before?: Shown,
  ) {
    this.#found = this.#search(before);
    this.#reasons = this.#found?.map((yes) => 1 - yes) ?? new Uint8Array(failures.all.length);
    for (const name of FACETS) this.#restrict(name);
    const { codes, values } = failures.groups;
    this.kept = codes.map((_, place) => place).filter((place) => !this.#reasons[place]);
    this.counts = new Int32Array(values.length);
    for (const place of this.kept) this.counts[codes[place]!]! += 1;
    [this.places, this.groups] = wishes.grouped ? this.#grouped() : this.#plain();
  }

  #search(before?: Shown): Uint8Array | null {
    const { search } = this.wishes;
    if (!search) return null;
    const last = before?.wishes.search;
    if (last === search) return before!.#found;
    return this.failures.search(search, last && search.includes(last) ? before!.#found : null);
  }

  #restrict(name: FacetName): void {
    const chosen = new Set(this.wishes.facets[name]);
    if (!chosen.size) return;
    const { values, codes } = this.failures.facets[name];
    const misses = values.map((some) => Number(!some.some((value) => chosen.has(value))));
    const out = Uint8Array.from(codes, (code) => misses[code]!);
    out.forEach((miss, place) => (this.#reasons[place]! += miss));
    this.#out.set(name, out);
  }

  #sorted(places: Int32Array): Int32Array {
    const { sort, descending } = this.wishes;
    if (sort === "number" || sort === "count") return descending ? places.reverse() : places;
    const sign = descending ? -1 : 1;
    const ranks = this.failures.ranks(sort).map((rank) => (rank < NONE ? sign * rank : NONE));
    return places.sort((one, other) => ranks[one]! - ranks[other]! || one - other);
  }

  #plain(): [Int32Array, Int32Array] {
    const places = this.#sorted(this.kept.slice());
    return [places, places.map(() => -1)];
  }

  #grouped(): [Int32Array, Int32Array] {
    const { codes } = this.failures.groups;
    const newest = new Int32Array(this.counts.length).fill(-1);
    for (const place of this.kept) newest[codes[place]!] = place;
    const tops = this.#sorted(newest.filter((place) => place >= 0).sort());
    const sign = this.wishes.descending ? -1 : 1;
    if (this.wishes.sort === "count") {
      const count = (place: number) => this.counts[codes[place]!]!;
      tops.sort((one, other) => sign * (count(one) - count(other) || one - other));
    }
    return this.#withMembers(tops);
  }

  #withMembers(tops: Int32Array): [Int32Array, Int32Array] {
    const { codes } = this.failures.groups;
    const members = new Map([...this.wishes.opened].map((group) => [group, [] as number[]]));
    if (!members.size) return [tops, tops.map((top) => codes[top]!)];
    for (const place of this.#sorted(this.kept.slice())) members.get(codes[place]!)?.push(place);
    const lines = [...tops].flatMap((top) => {
      const code = codes[top]!;
      const line: [number, number][] = [[top, code]];
      const places = members.get(code) ?? [];
      if (places.length > 1) for (const place of places) line.push([place, -1]);
      return line;
    });
    return [Int32Array.from(lines, ([place]) => place), Int32Array.from(lines, ([, code]) => code)];
  }

  key(line: number): string {
    const group = this.groups[line]!;
    return group < 0 ? `f${this.places[line]! + 1}` : `g${group}`;
  }

  /** On which line the group or failure of this key stands; -1 where it is not shown. */
  line(key: string): number {
    this.#lines ??= new Map(Array.from(this.places, (_, line) => [this.key(line), line]));
    return this.#lines.get(key) ?? -1;
  }

  /** The places of the failures that lines stand for. */
  members(lines: Iterable<number>): number[] {
    const whole = new Set<number>();
    const found: number[] = [];
    for (const line of lines) {
      if (this.groups[line]! < 0) found.push(this.places[line]!);
      else whole.add(this.groups[line]!);
    }
    const { codes } = this.failures.groups;
    if (whole.size) for (const place of this.kept) if (whole.has(codes[place]!)) found.push(place);
    return found;
  }

  /** The values of a facet, the most frequent first, as if it chose none itself. */
  facet(name: FacetName, limit = LISTED): Facet {
    const { values, codes } = this.failures.facets[name];
    const own = this.#out.get(name);
    const hits = new Int32Array(values.length);
    for (const [place, code] of codes.entries())
      if (this.#reasons[place] === (own?.[place] ?? 0)) hits[code]! += 1;
    const counts = new Map<string, number>();
    for (const [code, count] of hits.entries())
      for (const value of count ? values[code]! : [])
        counts.set(value, (counts.get(value) ?? 0) + count);
    const chosen = new Set(this.wishes.facets[name]);
    for (const value of chosen) if (!counts.has(value)) counts.set(value, 0);
    const labels = name === "cell" ? this.failures.cells : null;
    const ranked = [...counts].map(([value, count]) => {
      return { value, label: labels?.get(value) ?? value, count, chosen: chosen.has(value) };
    });
    ranked.sort((a, b) => b.count - a.count || (a.label < b.label ? -1 : +(a.label > b.label)));
    const listed = ranked.filter((value, place) => place < limit || value.chosen);
    return { name, values: listed, more: ranked.length - listed.length };
  }
}
