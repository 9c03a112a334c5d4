/** A session of any length, a widget without a kernel, and promises that a test settles. */
import { vi } from "vitest";
import {
  VERSION,
  type Facet,
  type FacetName,
  type Row,
  type State,
} from "../src/table/protocol.js";
import type {
  DataSource,
  Detail,
  Exported,
  ExportRequest,
  Failure,
  Progress,
  Window,
} from "../src/table/source.js";

const FIRST_LINES = 50; // come with the state

/** Failure number `n` of a session, on a line of its own. */
export const row = (n: number, more: Partial<Row> = {}): Row => ({
  key: `f${n}`,
  id: `id-${n}`,
  number: n,
  time: "2026-01-02T10:00:00+00:00",
  where: `In[${n}]`,
  type: "ValueError",
  message: `message ${n}`,
  line: "1",
  count: 1,
  open: false,
  member: false,
  selected: "none",
  expected: false,
  ...more,
});

/** A session of `total` failures, newest first, made as they are looked at; nothing else happens. */
export class Session implements DataSource {
  canWriteFiles = true;
  canClear = true;
  isWaiting = false;
  wrong = "";
  state: State;
  readonly listeners = new Set<() => void>();

  constructor(total: number, more: Partial<State> = {}) {
    const counts = { total, shown: total, lines: total, expected: 0, dropped: 0 };
    const wishes = { search: "", query: "", sort: "number", descending: true, grouped: true };
    const rest = { selected: 0, undo: 0, facets: [], formats: ["json"], rows: [] };
    this.state = { v: VERSION, version: 1, ...counts, ...wishes, ...rest, ...more };
    this.state.rows = this.rows(0, FIRST_LINES);
  }

  rows(start: number, count: number): Row[] {
    const length = Math.max(0, Math.min(count, this.state.lines - start));
    return Array.from({ length }, (_, place) => row(this.state.lines - start - place));
  }

  /** The next version; its first lines are those of the session, unless told otherwise. */
  tell(more: Partial<State> = {}): void {
    this.state = { ...this.state, version: this.state.version + 1, ...more };
    if (!more.rows) this.state.rows = this.rows(0, FIRST_LINES);
    for (const listener of this.listeners) listener();
  }

  /** `count` newer failures. */
  arrive(count: number): void {
    const total = this.state.total + count;
    this.tell({ total, shown: total, lines: total });
  }

  subscribe(listener: () => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  readonly window = vi.fn(
    async (start: number, count: number, anchor?: string): Promise<Window> => {
      const { version, lines } = this.state;
      const from = anchor ? lines - Number(anchor.slice(1)) : start;
      return { version, start: from, lines, rows: this.rows(from, count) };
    },
  );
  readonly detail = vi.fn(async (id: string): Promise<Detail> => {
    const failure: Failure = { id, exception_type: "ValueError", exception_message: `of ${id}` };
    return { failure, json: JSON.stringify(failure) };
  });
  readonly facets = vi.fn(async (name: FacetName): Promise<Facet> => ({
    name,
    values: [],
    more: 0,
  }));
  readonly export = vi.fn(
    async (_asked: ExportRequest, _progress: Progress): Promise<Exported> => ({
      filename: "failextract-report.json",
      blob: new Blob(["{}"]),
    }),
  );
  readonly show = vi.fn(async (_change: Parameters<DataSource["show"]>[0]): Promise<void> => {});
  readonly select = vi.fn(async (_how: string, _keys?: string[]): Promise<void> => {});
  readonly clear = vi.fn(async (): Promise<number> => this.state.total);
  readonly undo = vi.fn(async (): Promise<number> => this.state.undo);
  readonly forget = vi.fn(async (): Promise<void> => undefined);
}

/** A promise that the test settles when it wants to. */
export function held<T>() {
  let resolve!: (value: T) => void;
  let reject!: (error: unknown) => void;
  const promise = new Promise<T>((yes, no) => {
    resolve = yes;
    reject = no;
  });
  return { promise, resolve, reject };
}

/** Until it is so; a page with much to do may take its time. */
export const eventually = (check: () => void) =>
  vi.waitFor(check, { timeout: 10_000, interval: 5 });
vi.setConfig({ testTimeout: 20_000 });

/** All that was promised up to now has happened. */
export const settled = () => new Promise((resolve) => setTimeout(resolve));

interface Sent {
  v: number;
  id: string;
  type: string;
  [field: string]: unknown;
}

/** The page's end of a widget: what it sends is kept, what a kernel would say is said by the test. */
export class Model {
  readonly sent: Sent[] = [];
  readonly #listeners = new Map<string, Set<(...said: unknown[]) => void>>();
  constructor(public state: unknown) {}

  get = () => this.state;
  send = (message: Sent) => void this.sent.push(message);
  on = (name: string, listener: () => void) =>
    void this.#listeners.set(name, new Set([...(this.#listeners.get(name) ?? []), listener]));
  off = (name: string, listener: () => void) => void this.#listeners.get(name)?.delete(listener);

  #say(name: string, ...said: unknown[]): void {
    for (const listener of this.#listeners.get(name) ?? []) listener(...said);
  }

  become(state: unknown): void {
    this.state = state;
    this.#say("change:_state");
  }

  get last(): Sent {
    return this.sent.at(-1)!;
  }

  reply(fields: object, buffers: DataView[] = [], to = this.last): void {
    this.#say("msg:custom", { v: VERSION, id: to.id, type: to.type, ...fields }, buffers);
  }

  get listening(): number {
    return [...this.#listeners.values()].reduce((sum, some) => sum + some.size, 0);
  }
}
