import type { Failure } from "./source.js";

const UNKNOWN = "unknown";

/** As Python's `str()` writes what stands where text should. */
const str = (value: unknown): string => {
  if (value === undefined) return UNKNOWN;
  if (value === null) return "None";
  if (typeof value === "boolean") return value ? "True" : "False";
  return text(value);
};

/** The short place of a failure that a person recognises: `In[5]`, a test, a function. */
export function where(failure: Failure): string {
  const name = str(failure.test_name);
  const count = failure.execution_count;
  if (failure.origin !== "cell" && !count) return name;
  const cell = count ? `In[${str(count)}]` : "a cell";
  return name === cell || name === UNKNOWN ? cell : `${cell} ${name}`;
}

/**
 * The line (`4`), with its file where that is not the cell that failed (`In[3]:4`).
 *
 * "" where no line is known.
 */
export function lineOf(failure: Failure): string {
  const line = failure.line_number;
  if (!line) return "";
  const file = str(failure.test_file).replace(/^Cell /, "");
  if (file === UNKNOWN || file === `In[${str(failure.execution_count ?? null)}]`) return str(line);
  return `${file.replaceAll("\\", "/").split("/").at(-1)}:${str(line)}`;
}

// --- records that users hand in have any shape

/** A value of a record as text; "" for none. */
export function text(value: unknown): string {
  if (typeof value === "string") return value;
  if (value === null || value === undefined) return "";
  if (typeof value !== "object") return String(value);
  try {
    return JSON.stringify(value); // String() would call what a record has as its toString
  } catch {
    return "[a value that holds itself]";
  }
}

/** A list of a record; an empty one where there is something else. */
export const list = (value: unknown): unknown[] => (Array.isArray(value) ? value : []);

/** An object of a record; an empty one where there is something else. */
export const object = (value: unknown): Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value)
    ? (value as Record<string, unknown>)
    : {};

/** A number of a record that counts something: from 0, whole; else undefined. */
export const count = (value: unknown): number | undefined =>
  typeof value === "number" && Number.isSafeInteger(value) && value >= 0 ? value : undefined;
