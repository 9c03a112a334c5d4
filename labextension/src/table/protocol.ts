/**
 * What the page and the kernel say to each other.
 *
 * The specifications below are the one place where messages are described: the types come from
 * them, the page checks with them what arrives, and the build hands them to the kernel as
 * `protocol.json`, which checks with them what the page sends.
 */

/** Raised with every change that an older page or kernel would misunderstand. */
export const VERSION = 1;

/** One line of the table: a failure, or a group of equal ones by its newest. */
export interface Row {
  key: string; // of the line: "g…" for a group, "f…" for a failure
  id: string; // of the failure
  number: number; // its place in the session, from 1
  time: string; // ISO 8601
  where: string;
  type: string;
  message: string;
  line: string;
  count: number; // of equal failures
  open: boolean; // the group's members follow
  member: boolean; // of the group above
  selected: "all" | "some" | "none";
  expected: boolean; // the cell is tagged raises-exception
}

/** One value that failures have in common, and how many of those that are shown have it. */
export interface FacetValue {
  value: string;
  label: string;
  count: number;
  chosen: boolean;
}

export interface Facet {
  name: FacetName;
  values: FacetValue[]; // the most frequent first
  more: number; // values that are not listed
}

export const FACETS = ["type", "origin", "cell", "thread", "tag"] as const;
export type FacetName = (typeof FACETS)[number];

export const COLUMNS = ["number", "time", "where", "type", "message", "line", "count"] as const;
export type ColumnName = (typeof COLUMNS)[number];

/** The failures of one cell. */
export interface CellFailures {
  count: number; // in this session
  run: number; // the execution count of the newest; 0: none
  line: number; // of the cell, from 1, at which that one happened; 0: not known
  message: string; // of the newest, with its type
  failure: string; // its id
}

interface Kinds {
  string: string;
  number: number;
  boolean: boolean;
  strings: string[];
  choice: Partial<Record<FacetName, string[]>>;
  rows: Row[];
  facets: Facet[];
  cells: Record<string, CellFailures>;
}
type Kind = keyof Kinds;
type Spec = Readonly<Record<string, Kind | `${Kind}?`>>;
type Fields<S extends Spec> = {
  -readonly [K in keyof S as S[K] extends Kind ? K : never]: S[K] extends Kind
    ? Kinds[S[K]]
    : never;
} & {
  -readonly [
    K in keyof S as S[K] extends Kind ? never : K
  ]?: S[K] extends `${infer T extends Kind}?` ? Kinds[T] : never;
};

/** What a page can ask for. A message is `{v, id, type, ...fields}`. */
export const REQUESTS = {
  hello: {},
  window: { start: "number", count: "number", anchor: "string?" },
  show: {
    search: "string?",
    query: "string?",
    facets: "choice?",
    sort: "string?", // a column
    descending: "boolean?",
    grouped: "boolean?",
    toggle: "string?", // the key of a group, to open or close
  },
  // how: "only", "add" or "remove" the lines with these keys, "range" from the first to the
  // second, "all" or "none"
  select: { how: "string", keys: "strings?" },
  detail: { failure: "string" },
  facets: { name: "string" },
  export: { format: "string", scope: "string", target: "string" },
  next: { job: "string" },
  stop: { job: "string" },
  clear: {},
  undo: {},
  forget: {}, // what an undo would bring back
} as const satisfies Record<string, Spec>;

/** What JupyterLab's extension lets a kernel know; it is told the glance, and nothing else. */
export const NOTICES = {
  glance: {}, // here is a page that wants to know
  seen: { count: "number?" }, // so many since the last clear were looked at, or all that there are
  capture: { on: "boolean" },
} as const satisfies Record<string, Spec>;

/** What comes back: `{v, id, type, ...fields}`, or `{v, id, type: "error", message}`. */
export const REPLIES = {
  hello: {},
  window: { version: "number", start: "number", lines: "number", rows: "rows" },
  show: { version: "number" },
  select: { version: "number" },
  detail: { record: "string" }, // the failure as JSON
  facets: { values: "facets" },
  export: { job: "string", filename: "string" },
  // bytes are in the message's buffers; progress is between 0 and 1, or below 0: not known
  next: { done: "boolean", progress: "number", path: "string?" },
  stop: {},
  clear: { count: "number" },
  undo: { count: "number" },
  forget: {},
  error: { message: "string" },
} as const satisfies Record<string, Spec>;

/** What every view of the table is told unasked: the first lines, and what they are a part of. */
export const STATE = {
  v: "number",
  version: "number", // rises with every change
  total: "number", // failures that are kept
  shown: "number", // those that the search and filters leave
  lines: "number", // of the table: groups count as one, and so do their open members
  expected: "number", // failures of cells that are meant to fail, part of total
  dropped: "number", // older ones that are not kept any more
  selected: "number",
  undo: "number", // failures that were cleared and can come back
  search: "string",
  query: "string",
  sort: "string",
  descending: "boolean",
  grouped: "boolean",
  facets: "facets",
  formats: "strings",
  rows: "rows",
} as const satisfies Spec;

/** What JupyterLab's extension is told unasked: counts, and the cells that have failed. */
export const GLANCE = {
  v: "number",
  total: "number", // failures that are kept
  unseen: "number", // that came since somebody looked; expected ones are not counted
  capture: "boolean", // whether failures are recorded
  formats: "strings",
  anew: "boolean", // cells that are not named have not failed; else they are as they were
  cells: "cells", // by their ids
  last: "string", // the cell that has failed last; "" for none
} as const satisfies Spec;

export type NoticeName = keyof typeof NOTICES;
export type Notice<N extends NoticeName> = Fields<(typeof NOTICES)[N]>;
export type Glance = Fields<typeof GLANCE>;
export type RequestName = keyof typeof REQUESTS;
export type Request<N extends RequestName> = Fields<(typeof REQUESTS)[N]>;
export type Reply<N extends keyof typeof REPLIES> = Fields<(typeof REPLIES)[N]>;
export type State = Fields<typeof STATE>;
export type Show = Request<"show">;

const CHECKS: Record<Kind, (value: unknown) => boolean> = {
  string: (value) => typeof value === "string",
  number: (value) => typeof value === "number",
  boolean: (value) => typeof value === "boolean",
  strings: (value) => Array.isArray(value) && value.every((one) => typeof one === "string"),
  choice: isObject,
  rows: (value) => Array.isArray(value) && value.every((row) => isObject(row) && "key" in row),
  facets: (value) => Array.isArray(value) && value.every(isObject),
  cells: (value) => isObject(value) && Object.values(value).every(isObject),
};

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** What is wrong with `message` as one of `spec`; "" where nothing is. */
export function problem(spec: Spec, message: unknown): string {
  if (!isObject(message)) return "it is no object";
  for (const [name, kind] of Object.entries(spec)) {
    const value = message[name];
    if (value === undefined && kind.endsWith("?")) continue;
    const plain = kind.replace("?", "") as Kind;
    if (!CHECKS[plain](value)) return `its ${name} is no ${plain}`;
  }
  return "";
}

/** `value` as a state, or an error that a reader can do something about. */
export const checkedState = (value: unknown): State => checked<State>(STATE, value);

/** `value` as a glance, or such an error. */
export const checkedGlance = (value: unknown): Glance => checked<Glance>(GLANCE, value);

function checked<T>(spec: Spec, value: unknown): T {
  if (isObject(value) && value["v"] !== VERSION) {
    throw new Error(
      `This page and the kernel have different versions of failextract_nb ` +
        `(${VERSION} and ${String(value["v"])}): restart the kernel and reload the page.`,
    );
  }
  const wrong = problem(spec, value);
  if (wrong) throw new Error(`The kernel sent a state that cannot be read: ${wrong}.`);
  return value as T;
}
