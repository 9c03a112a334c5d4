import type { Columns } from "./columns.js";
import { h, number } from "./dom.js";
import type { ColumnName, Row, State } from "./protocol.js";

interface Place {
  id: string; // of the element
  index: number; // from 0, in the whole table
  isCurrent: boolean; // the keyboard is on it
  isOpen: boolean; // its details are
  columns: Columns;
}

/** One line of the table. */
export function line(row: Row, { id, index, isCurrent, isOpen, columns }: Place): HTMLElement {
  const marks = {
    "ft-odd": index % 2 === 1,
    "ft-current": isCurrent,
    "ft-opened": isOpen,
    "ft-member": row.member,
    "ft-expected": row.expected,
  };
  const classes = Object.entries(marks).flatMap(([name, yes]) => (yes ? [name] : []));
  return h(
    "div",
    {
      class: ["ft-row", ...classes].join(" "),
      role: "row",
      id,
      "data-index": index,
      "aria-rowindex": index + 2, // the header is the first
      "aria-selected": String(row.selected === "all"),
      "aria-level": row.member ? 2 : 1,
      "aria-expanded": row.count > 1 ? String(row.open) : null,
    },
    box(row),
    ...columns.shown.map((name) => cell(name, row, columns)),
  );
}

/** The place of a line that is on its way. */
export function waitingLine(index: number, isCurrent: boolean): HTMLElement {
  const cell = h("span", { role: "gridcell", class: "ft-waiting" }, "…");
  const classes = `ft-row${index % 2 ? " ft-odd" : ""}${isCurrent ? " ft-current" : ""}`;
  return h("div", { class: classes, role: "row", "aria-rowindex": index + 2 }, cell);
}

function box(row: Row): HTMLElement {
  const input = h("input", {
    type: "checkbox",
    tabindex: -1,
    "data-do": "select",
    "aria-label": `Select failure ${number(row.number)}`,
  });
  input.checked = row.selected === "all";
  input.indeterminate = row.selected === "some";
  return h("span", { role: "gridcell", class: "ft-box" }, input);
}

function cell(name: ColumnName, row: Row, columns: Columns): HTMLElement {
  const content = columns.content(name, row);
  const element = h("span", { role: "gridcell", class: `ft-cell ft-cell-${name}` }, content);
  if (name === "count" && row.count > 1) {
    const words = `${row.open ? "Hide" : "Show"} the ${number(row.count)} equal failures`;
    const arrow = row.open ? "▾ " : "▸ ";
    const toggle = h("span", { class: "ft-toggle", "data-do": "toggle", title: words }, arrow);
    toggle.append(...element.childNodes);
    element.append(toggle);
  } else if (typeof content === "string") element.title = content;
  return element;
}

/** The headers: a button that sorts in each, with a handle for its width. */
export function headers(
  state: State,
  columns: Columns,
  sort: (name: ColumnName) => void,
): HTMLElement[] {
  const { selected, shown } = state;
  const input = h("input", {
    type: "checkbox",
    "aria-label": "Select all that is shown",
    "data-do": "all",
  });
  input.checked = shown > 0 && selected >= shown;
  input.indeterminate = selected > 0 && selected < shown;
  const corner = h(
    "span",
    { role: "columnheader", class: "ft-box", "aria-label": "Selected" },
    input,
  );
  return [corner, ...columns.shown.map((name) => header(name, state, columns, sort))];
}

function header(
  name: ColumnName,
  { sort: sorted, descending }: State,
  columns: Columns,
  sort: (name: ColumnName) => void,
): HTMLElement {
  const order = name !== sorted ? "none" : descending ? "descending" : "ascending";
  const title = columns.title(name);
  const button = h(
    "button",
    {
      type: "button",
      "data-column": name,
      title: `Sort by ${title}; Alt+← and Alt+→ change the width`,
      onclick: () => sort(name),
    },
    title,
    order !== "none" && h("span", { "aria-hidden": "true" }, descending ? " ↓" : " ↑"),
  );
  button.addEventListener("keydown", (event) => columns.onKey(name, event));
  const attributes = { role: "columnheader", class: `ft-header ft-cell-${name}` };
  return h("span", { ...attributes, "aria-sort": order }, button, columns.handle(name));
}
