import { Grid } from "../../labextension/src/table/grid.js";
import style from "../../labextension/src/table/style.css";
import type { Row, State } from "../../labextension/src/table/protocol.js";
import type { DataSource } from "../../labextension/src/table/source.js";
import { ask, COUNT, LINE, place, shown, type Failure } from "./failures.js";

const row = (failure: Failure): Row => ({
  ...failure,
  key: `f${failure.number}`,
  id: failure.number,
  number: Number(failure.number),
  count: 1,
  open: false,
  member: false,
  selected: "none",
  expected: false,
});

const state: State = {
  v: 1,
  version: 1,
  total: COUNT,
  shown: COUNT,
  lines: COUNT,
  expected: 0,
  dropped: 0,
  selected: 0,
  undo: 0,
  search: "",
  query: "",
  sort: "number",
  descending: true,
  grouped: false,
  facets: [],
  formats: [],
  rows: [],
};

const source = {
  state,
  async window(start: number, count: number) {
    const end = Math.min(COUNT, start + count);
    return { version: 1, start, lines: COUNT, rows: (await ask(start, end)).map(row) };
  },
} as Partial<DataSource> as DataSource;

const table = document.createElement("div");
table.className = "ft-table";
const sheet = document.createElement("style");
sheet.textContent = style;
const grid = new Grid(source, { open: () => {}, failed: console.error });
grid.element.style.height = "100%";
table.append(sheet, grid.element);
table.style.height = "100%";
place().append(table);
grid.update();
shown({ scroller: grid.element, head: LINE });
