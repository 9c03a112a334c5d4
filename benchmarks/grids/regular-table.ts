import "regular-table";
import type { RegularTableElement } from "regular-table";
import { ask, COLUMNS, COUNT, LINE, NAMES, place, shown } from "./failures.js";

const sheet = document.createElement("style");
// Its own style sheet asks another host for a font.
sheet.textContent = `
  regular-table { font: 13px system-ui }
  regular-table td { height: ${LINE}px; box-sizing: border-box; white-space: nowrap }`;
document.head.append(sheet);
const table = document.createElement("regular-table") as RegularTableElement;
place().append(table);
// Left to measure its columns, it comes to show two of them after some twenty places.
table.restoreColumnSizes(NAMES.map((name) => COLUMNS[name].width));
table.setDataListener(async (x0, y0, x1, y1) => {
  const failures = await ask(y0, Math.min(COUNT, y1));
  const names = NAMES.slice(x0, x1);
  return {
    num_rows: COUNT,
    num_columns: NAMES.length,
    column_headers: names.map((name) => [COLUMNS[name].title]),
    data: names.map((name) => failures.map((failure) => failure[name])),
  };
});
void table.draw();
shown({ scroller: table, head: LINE });
