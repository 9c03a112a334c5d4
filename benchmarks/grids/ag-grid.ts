import { createGrid, InfiniteRowModelModule, ModuleRegistry, themeQuartz } from "ag-grid-community";
import { ask, COLUMNS, COUNT, LINE, NAMES, place, shown, type Failure } from "./failures.js";

ModuleRegistry.registerModules([InfiniteRowModelModule]);
const element = place();
createGrid<Failure>(element, {
  theme: themeQuartz,
  rowModelType: "infinite",
  rowHeight: LINE,
  headerHeight: LINE,
  columnDefs: NAMES.map((name) => ({
    field: name,
    headerName: COLUMNS[name].title,
    width: COLUMNS[name].width,
  })),
  cacheBlockSize: 100, // lines of a request
  infiniteInitialRowCount: COUNT,
  datasource: {
    getRows: ({ startRow, endRow, successCallback }) =>
      void ask(startRow, Math.min(COUNT, endRow)).then((found) => successCallback(found, COUNT)),
  },
});
shown({ scroller: element.querySelector<HTMLElement>(".ag-grid-viewport")!, head: LINE + 1 });
