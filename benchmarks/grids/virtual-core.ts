import {
  elementScroll,
  observeElementOffset,
  observeElementRect,
  Virtualizer,
} from "@tanstack/virtual-core";
import { ask, COLUMNS, COUNT, LINE, NAMES, place, shown, type Failure } from "./failures.js";

const AROUND = 40; // lines that are asked for on either side of those in view

const scroller = document.createElement("div");
scroller.style.cssText = "height: 100%; overflow: auto; font: 13px system-ui";
const body = document.createElement("div");
body.style.cssText = `position: relative; height: ${COUNT * LINE}px`;
scroller.append(body);
place().append(scroller);

let held = { start: 0, failures: [] as Failure[] };
let asking = false;

function row(index: number, top: number): HTMLElement {
  const failure = held.failures[index - held.start];
  const element = document.createElement("div");
  element.setAttribute("role", "row");
  element.style.cssText = `position: absolute; top: ${top}px; height: ${LINE}px; display: flex`;
  for (const name of NAMES) {
    const cell = document.createElement("span");
    cell.style.cssText = `width: ${COLUMNS[name].width}px; overflow: hidden`;
    cell.textContent = failure?.[name] ?? "…";
    element.append(cell);
  }
  return element;
}

async function want(first: number, last: number): Promise<void> {
  const isHeld = first >= held.start && last <= held.start + held.failures.length;
  if (isHeld || asking) return;
  asking = true;
  const start = Math.max(0, first - AROUND);
  held = { start, failures: await ask(start, Math.min(COUNT, last + AROUND)) };
  asking = false;
  draw();
}

function draw(): void {
  const items = virtualizer.getVirtualItems();
  if (!items.length) return;
  body.replaceChildren(...items.map(({ index, start }) => row(index, start)));
  void want(items[0]!.index, items.at(-1)!.index + 1);
}

const virtualizer = new Virtualizer<HTMLElement, HTMLElement>({
  count: COUNT,
  getScrollElement: () => scroller,
  estimateSize: () => LINE,
  overscan: 4,
  scrollToFn: elementScroll,
  observeElementRect,
  observeElementOffset,
  onChange: draw,
});
virtualizer._didMount();
virtualizer._willUpdate();
draw();
shown({ scroller, head: 0 });
