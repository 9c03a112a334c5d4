import type { Columns } from "./columns.js";
import { h } from "./dom.js";
import { number, t } from "./words.js";
import type { ColumnName, Row } from "./protocol.js";

/** Where a line stands, and what is with it. */
export interface Place {
  id: string; // of the element
  index: number; // from 0, in the whole table
  isCurrent: boolean; // the keyboard is on it
  isOpen: boolean; // its details are
}

interface Drawn {
  element: HTMLElement;
  told: string; // what it was drawn from
}

/**
 * The lines in view. An element stays as long as its line does, and where it stands: a click
 * that is under way must find it when failures come in above.
 */
export class DrawnLines {
  readonly element = h("div", { class: "ft-rows", role: "presentation" });
  #drawn = new Map<string, Drawn>();

  constructor(private readonly columns: Columns) {}

  draw(lines: { row: Row | undefined; place: Place }[]): void {
    const drawn = new Map<string, Drawn>();
    for (const { row, place } of lines) {
      const key = row?.key ?? `waiting-${place.index}`;
      const told = row ? JSON.stringify([row, this.columns.shown]) : "";
      const before = this.#drawn.get(key);
      const element = before?.told === told ? before.element : this.#line(row);
      mark(element, row, place);
      drawn.set(key, { element, told });
    }
    this.#drawn = drawn;
    this.#put([...drawn.values()].map((one) => one.element));
  }

  #put(elements: HTMLElement[]): void {
    const wanted = new Set<Element>(elements);
    for (const child of [...this.element.children]) if (!wanted.has(child)) child.remove();
    elements.forEach((element, place) => {
      const there = this.element.children[place] ?? null;
      if (there !== element) this.element.insertBefore(element, there);
    });
  }

  #line(row: Row | undefined): HTMLElement {
    if (!row) return h("div", {}, h("span", { role: "gridcell", class: "ft-waiting" }, "…"));
    return h("div", {}, box(row), ...this.columns.shown.map((name) => this.#cell(name, row)));
  }

  #cell(name: ColumnName, row: Row): HTMLElement {
    const content = this.columns.content(name, row);
    const element = h("span", { role: "gridcell", class: `ft-cell ft-cell-${name}` }, content);
    if (name === "count" && row.count > 1) {
      const count = number(row.count);
      const words = row.open
        ? t("Hide the %1 equal failures", count)
        : t("Show the %1 equal failures", count);
      const arrow = row.open ? "▾ " : "▸ ";
      const toggle = h("span", { class: "ft-toggle", "data-do": "toggle", title: words }, arrow);
      toggle.append(...element.childNodes);
      element.append(toggle);
    } else if (typeof content === "string") element.title = content;
    return element;
  }
}

function box(row: Row): HTMLElement {
  const input = h("input", {
    type: "checkbox",
    tabindex: -1,
    "data-do": "select",
    "aria-label": t("Select failure %1", number(row.number)),
  });
  return h("span", { role: "gridcell", class: "ft-box" }, input);
}

function mark(element: HTMLElement, row: Row | undefined, place: Place): void {
  const marks = {
    "ft-odd": place.index % 2 === 1,
    "ft-current": place.isCurrent,
    "ft-opened": place.isOpen,
    "ft-member": row?.member,
    "ft-expected": row?.expected,
  };
  const classes = Object.entries(marks).flatMap(([name, yes]) => (yes ? [name] : []));
  element.className = ["ft-row", ...classes].join(" ");
  element.id = place.id;
  element.role = "row";
  element.setAttribute("aria-rowindex", String(place.index + 2)); // the header is the first
  if (!row) return;
  const box = element.querySelector("input")!; // whatever a click did to it
  box.checked = row.selected === "all";
  box.indeterminate = row.selected === "some";
  element.dataset["index"] = String(place.index);
  element.setAttribute("aria-selected", String(row.selected === "all"));
  element.setAttribute("aria-level", row.member ? "2" : "1");
  if (row.count > 1) element.setAttribute("aria-expanded", String(row.open));
}
