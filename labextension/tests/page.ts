/** A grid or a table in a page that has a size, and what a reader sees and does there. */
import { afterEach, beforeEach, expect, vi } from "vitest";
import { Grid } from "../src/table/grid.js";
import type { Row } from "../src/table/protocol.js";
import { Records } from "../src/table/records.js";
import type { DataSource } from "../src/table/source.js";
import { FailureTable } from "../src/table/table.js";
import { eventually, settled } from "./fake.js";

export const HEAD = 28; // pixels
export const LINE = 28;

/** Gives a grid room for `lines` lines, and a scroll position that ends where its content does. */
export function layOut(grid: HTMLElement, lines: number): void {
  const head = grid.querySelector<HTMLElement>(".ft-head")!;
  const sizer = grid.querySelector<HTMLElement>(".ft-sizer")!;
  Object.defineProperty(head, "offsetHeight", { value: HEAD });
  Object.defineProperty(grid, "clientHeight", { value: HEAD + lines * LINE });
  let scrolled = 0;
  const end = () => Math.max(0, HEAD + parseFloat(sizer.style.height) - grid.clientHeight);
  Object.defineProperty(grid, "scrollTop", {
    get: () => Math.min(scrolled, end()),
    set: (to: number) => {
      scrolled = Math.max(0, Math.min(to, end()));
      grid.dispatchEvent(new Event("scroll"));
    },
  });
}

/** Presses a key where the focus would be; false where the default was prevented. */
export const press = (target: Element, key: string, more: KeyboardEventInit = {}): boolean =>
  target.dispatchEvent(
    new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true, composed: true, ...more }),
  );

/** A grid that follows `source`, with room for ten lines; `key` presses one, true if it is used. */
export function gridOf<S extends DataSource>(source: S) {
  const open = vi.fn<(row: Row) => void>();
  const failed = vi.fn<(error: unknown) => void>();
  const grid = new Grid(source, { open, failed });
  const { element } = grid;
  document.body.append(element);
  layOut(element, 10);
  source.subscribe(() => grid.update());
  grid.update();
  element.addEventListener("keydown", (event) => {
    if (grid.onKey(event)) event.preventDefault(); // as the table does
  });
  const key = async (name: string, more: KeyboardEventInit = {}): Promise<boolean> => {
    const isUsed = !press(element, name, more);
    await settled();
    return isUsed;
  };
  return { source, grid, element, key, open, failed };
}

export const aria = (one: Element, name: string) => one.getAttribute(`aria-${name}`);
export const rowsOf = (element: Element) => [...element.querySelectorAll<HTMLElement>(".ft-row")];
export const currentOf = (element: Element) => element.querySelector<HTMLElement>(".ft-current")!;

/** The number of the failure on a line, without what parts its thousands. */
export const numberIn = (one: Element) =>
  one.querySelector(".ft-cell-number")?.textContent.replace(/\D/g, "");
export const numbers = (element: Element) => rowsOf(element).map(numberIn);

/** Scrolls so that `line` (from 0) is the first in view, and waits until it is drawn. */
export async function scroll(element: HTMLElement, line: number): Promise<void> {
  element.scrollTop = line * LINE;
  await eventually(() =>
    expect(rowsOf(element).map((one) => aria(one, "rowindex"))).toContain(String(line + 2)),
  );
  await settled();
}

/** Five equal failures, then one of its own: two lines, the group `g0` on the second. */
export const grouped = () =>
  new Records([
    ...Array.from({ length: 5 }, (_, n) => ({ id: `e${n}`, exception_message: "equal" })),
    { id: "own", exception_message: "own" },
  ]);

// --- a table

const tables = new Map<Element, FailureTable>();
const observed = new Map<Element, (entries: object[]) => void>();
beforeEach(() => {
  class Observer {
    #target: Element | undefined;
    constructor(private readonly listener: (entries: object[]) => void) {}
    observe(target: Element) {
      this.#target = target;
      observed.set(target, this.listener);
    }
    disconnect() {
      observed.delete(this.#target!);
    }
  }
  vi.stubGlobal("ResizeObserver", Observer);
});
afterEach(() => {
  for (const table of tables.values()) table.dispose();
  tables.clear();
  document.body.replaceChildren();
  vi.unstubAllGlobals();
});

/** Whether somebody still asks for the size of the table; tells it `width` pixels if so. */
export function resize(element: Element, width: number): boolean {
  observed.get(element)?.([{ contentRect: { width } }]);
  return observed.has(element);
}

/** A table over `source`, with room for ten lines; `type` is what a reader types into the search. */
export function tableOf<S extends DataSource>(source: S) {
  const table = new FailureTable(source);
  const { element } = table;
  tables.set(element, table);
  document.body.append(element);
  const grid = element.querySelector<HTMLElement>(".ft-grid")!;
  layOut(grid, 10);
  table.update();
  const search = element.querySelector<HTMLInputElement>("input[type=search]")!;
  const type = (text: string) => {
    search.focus();
    search.value = text;
    search.dispatchEvent(new Event("input", { bubbles: true }));
  };
  return { source, table, element, grid, search, type };
}

/** The text of what `selector` finds; null where there is none, or a hidden one. */
export function shown(element: Element, selector: string): string | null {
  const one = element.querySelector<HTMLElement>(selector);
  return one && !one.closest("[hidden]") ? one.textContent : null;
}

export const button = (element: Element, label: string) =>
  [...element.querySelectorAll("button")].find(
    (one) => one.textContent === label || aria(one, "label") === label,
  )!;

/** The menu with this title. */
export const menu = (element: Element, title: string) =>
  [...element.querySelectorAll<HTMLDetailsElement>("details")].find((one) =>
    one.querySelector("summary")!.textContent.startsWith(title),
  )!;

/** Two equal failures and an expected one, in two groups. */
export const failures = () =>
  new Records([
    { id: "a", exception_type: "ValueError", exception_message: "alpha", expected: true },
    { id: "b", exception_type: "KeyError", exception_message: "beta" },
    { id: "c", exception_type: "KeyError", exception_message: "beta" },
  ]);
