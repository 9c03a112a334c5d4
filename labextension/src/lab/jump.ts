import type { CodeCell } from "@jupyterlab/cells";
import type { INotebookTracker, NotebookPanel } from "@jupyterlab/notebook";
import { count, list, object, text } from "../table/place.js";
import type { Failure, Frame } from "../table/source.js";

const PATIENCE = 2_000; // milliseconds that a cell may take to be drawn
const FLASH = 1_200; // milliseconds, as the style has it

export type Landing = "there" | "changed" | "gone" | "nowhere";

/** The line of its cell, from 1, and the column, from 0, at which a failure happened. */
export function placeInCell(failure: Failure): { line: number; column: number } | null {
  const own = `Cell In[${text(failure.execution_count)}]`;
  const frames = list(failure.extracted_code).map((frame) => object(frame) as Frame);
  const frame = frames.findLast(({ file }) => file === own);
  const line = count(frame?.line);
  if (line) return { line, column: count(frame?.column) ?? 0 };
  const only = text(failure.test_file) === own && count(failure.line_number);
  return only ? { line: only, column: 0 } : null;
}

/** The notebook that shows a cell: the current one, else another one of the same kernel. */
function panelOf(tracker: INotebookTracker, first: NotebookPanel, cell: string) {
  const kernel = first.sessionContext.session?.kernel?.id;
  const others = tracker.filter(
    (one) => one !== first && one.sessionContext.session?.kernel?.id === kernel,
  );
  return [first, ...others].find((panel) => indexOf(panel, cell) >= 0);
}

const indexOf = (panel: NotebookPanel, cell: string): number =>
  panel.content.widgets.findIndex(({ model }) => model.id === cell);

/**
 * Goes to the cell of a failure, flashes it and puts the cursor on the failing line; with `focus`
 * the cursor may be typed at.
 */
export async function jump(
  tracker: INotebookTracker,
  panel: NotebookPanel,
  failure: Failure,
  activate: (id: string) => void,
  focus: boolean,
): Promise<Landing> {
  const id = text(failure.cell_id);
  if (!id) return "nowhere";
  const found = panelOf(tracker, panel, id);
  if (!found) return "gone";
  const before = document.activeElement as HTMLElement | null;
  if (found !== tracker.currentWidget) activate(found.id);
  const source = text(failure.cell_source);
  const place = placeInCell(failure);
  await goTo(found, indexOf(found, id), place, focus);
  if (!focus) before?.focus({ preventScroll: true }); // a notebook that comes up takes it
  const now = found.content.widgets[indexOf(found, id)]?.model.sharedModel.getSource();
  return source && now !== undefined && now.trimEnd() !== source.trimEnd() ? "changed" : "there";
}

/** Makes a cell the active one, in view, and flashes it. */
export async function goTo(
  panel: NotebookPanel,
  index: number,
  place: { line: number; column: number } | null,
  focus: boolean,
): Promise<void> {
  const notebook = panel.content;
  const cell = notebook.widgets[index];
  if (!cell) return;
  notebook.deselectAll();
  notebook.activeCellIndex = index;
  await notebook.scrollToItem(index, "smart").catch(() => undefined); // another came between
  if (notebook.activeCell !== cell) return;
  await Promise.race([cell.ready, new Promise((late) => setTimeout(late, PATIENCE))]);
  cell.inputHidden = false;
  flash(cell.node);
  const { editor } = cell as CodeCell;
  if (!editor) return;
  const line = Math.min(place?.line ?? 1, editor.lineCount) - 1;
  const column = Math.min(place?.column ?? 0, editor.getLine(line)?.length ?? 0);
  editor.setCursorPosition({ line, column });
  if (!focus) return;
  notebook.mode = "edit";
  editor.focus();
}

function flash(node: HTMLElement): void {
  node.classList.remove("fx-flash");
  void node.offsetWidth; // a second flash starts anew
  node.classList.add("fx-flash");
  setTimeout(() => node.classList.remove("fx-flash"), FLASH);
}
