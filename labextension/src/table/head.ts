import type { Columns } from "./columns.js";
import { h } from "./dom.js";
import type { ColumnName, State } from "./protocol.js";
import { t } from "./words.js";

/** The headers: a button that sorts in each, a handle for its width, a box that selects all. */
export class Head {
  readonly #box = h("input", {
    type: "checkbox",
    "aria-label": t("Select all that is shown"),
    "data-do": "all",
  });
  readonly element = h(
    "div",
    { class: "ft-head", role: "row", "aria-rowindex": 1 },
    h("span", { role: "columnheader", class: "ft-box", "aria-label": t("Selected") }, this.#box),
  );
  #told = "";

  constructor(
    private readonly columns: Columns,
    private readonly sort: (name: ColumnName) => void,
  ) {}

  /** Only where something else is to be seen: a handle that is being dragged must stay. */
  draw({ sort, descending, selected, shown }: State): void {
    const isAll = shown > 0 && selected >= shown;
    const isSome = selected > 0 && !isAll;
    this.#box.checked = isAll; // whatever a click did to it
    this.#box.indeterminate = isSome;
    const told = JSON.stringify([sort, descending, this.columns.shown]);
    if (told === this.#told) return;
    this.#told = told;
    const focused = this.#focused();
    for (const header of [...this.element.children].slice(1)) header.remove();
    this.element.append(...this.columns.shown.map((name) => this.#header(name, sort, descending)));
    if (focused) this.element.querySelector<HTMLElement>(`[data-column="${focused}"]`)?.focus();
  }

  /** The column whose button has the focus, so that the one in its place can have it. */
  #focused(): string | undefined {
    const focused = document.activeElement as HTMLElement | null;
    return this.element.contains(focused) ? focused?.dataset["column"] : undefined;
  }

  #header(name: ColumnName, sorted: string, descending: boolean): HTMLElement {
    const order = name !== sorted ? "none" : descending ? "descending" : "ascending";
    const title = this.columns.title(name);
    const button = h(
      "button",
      {
        type: "button",
        "data-column": name,
        title: t("Sort by %1; Alt+← and Alt+→ change the width", title),
        onclick: () => this.sort(name),
      },
      title,
      order !== "none" && h("span", { "aria-hidden": "true" }, descending ? " ↓" : " ↑"),
    );
    button.addEventListener("keydown", (event) => this.columns.onKey(name, event));
    const attributes = { role: "columnheader", class: `ft-header ft-cell-${name}` };
    return h("span", { ...attributes, "aria-sort": order }, button, this.columns.handle(name));
  }
}
