/** The task that all grids have: a hundred thousand failures, of which windows come by request. */
export const COUNT = 100_000;
export const LINE = 28; // pixels
export const COLUMNS = {
  number: { title: "#", width: 60 },
  time: { title: "Time", width: 190 },
  where: { title: "Where", width: 130 },
  type: { title: "Exception", width: 150 },
  message: { title: "Message", width: 330 },
  line: { title: "Line", width: 80 },
  count: { title: "Count", width: 80 },
};
export type Name = keyof typeof COLUMNS;
export const NAMES = Object.keys(COLUMNS) as Name[];
export type Failure = Record<Name, string>;

const ANSWER = 20; // milliseconds that a kernel takes for a window
const TYPES = ["ValueError", "KeyError", "ZeroDivisionError", "FileNotFoundError"];

function failure(index: number): Failure {
  return {
    number: String(index),
    time: new Date(1_770_000_000_000 + index * 731).toISOString(),
    where: `In[${(index % 200) + 1}]`,
    type: TYPES[index % TYPES.length]!,
    message: `no rate for USD in order ${index}, today`,
    line: String((index % 40) + 1),
    count: "1",
  };
}

/** The failures from `start` up to `end`, as soon as a kernel would have them. */
export async function ask(start: number, end: number): Promise<Failure[]> {
  await new Promise((resolve) => setTimeout(resolve, ANSWER));
  return Array.from({ length: end - start }, (_, offset) => failure(start + offset));
}

/** The line that an element shows, by its text; NaN where it shows none. */
export function lineOf(element: Element | null): number {
  const row = element?.closest("[role=row], tr");
  return Number(/in order (\d+),/.exec(row?.textContent ?? "")?.[1] ?? NaN);
}

/** What the measurement needs of a grid: what scrolls, and where its lines are. */
export interface Shown {
  scroller: HTMLElement;
  head: number; // pixels of the header inside of what scrolls
}

declare global {
  interface Window {
    grid: Shown & { lineOf: typeof lineOf; count: number };
  }
}

/** Hands a grid to the measurement. */
export function shown(grid: Shown): void {
  window.grid = { ...grid, lineOf, count: COUNT };
}

/** The place for a grid. */
export function place(): HTMLElement {
  const element = document.createElement("div");
  element.style.cssText = "position: relative; width: 1060px; height: 360px";
  document.body.append(element);
  return element;
}
