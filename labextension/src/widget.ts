/** What anywidget runs: the table over a kernel, once for each place that it is displayed in. */
import type { RenderProps } from "@anywidget/types";
import { KernelSource } from "./kernel.js";
import { FailureTable } from "./table/table.js";

function render({ model, el }: RenderProps): (() => void) | void {
  let source: KernelSource;
  try {
    source = new KernelSource(model);
  } catch (error) {
    el.textContent = error instanceof Error ? error.message : String(error);
    return;
  }
  const table = new FailureTable(source);
  el.append(table.element);
  return () => {
    table.dispose();
    source.dispose();
  };
}

export default { render };
