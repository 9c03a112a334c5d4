/** The table of an HTML report: its failures stand as JSON in the page. */
import { Records } from "./table/records.js";
import type { Failure } from "./table/source.js";
import { FailureTable } from "./table/table.js";

const place = document.getElementById("failextract-table");
const data = document.getElementById("failextract-failures");
if (place && data) {
  const failures = JSON.parse(data.textContent ?? "[]") as Failure[];
  // Of an empty report, the page itself says that nothing failed.
  if (failures.length) place.append(new FailureTable(new Records(failures)).element);
}
