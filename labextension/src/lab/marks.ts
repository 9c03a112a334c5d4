import type { Cell, ICellModel, ICodeCellModel } from "@jupyterlab/cells";
import type { CellList, INotebookTracker, NotebookPanel } from "@jupyterlab/notebook";
import type { TranslationBundle } from "@jupyterlab/translation";
import { visible } from "../table/dom.js";
import type { Connection } from "./connection.js";
import { follow } from "./connections.js";

const EXPECTED = "raises-exception";
const STOPPED = "KeyboardInterrupt"; // by the reader: no failure
const MAX_COUNT = 99;
const MAX_MESSAGE = 300; // characters of a tooltip

/** What a cell's last run failed with. */
export interface Failed {
  message: string;
  count: number; // of its failures in this session; 0: not known
  failure: string; // the id of the newest; "" where the kernel does not know it
}

/** Whether and how the last run of a cell has failed. */
export function failed(model: ICellModel, connection: Connection | null): Failed | null {
  if (model.type !== "code") return null;
  const tags = model.getMetadata("tags") as unknown;
  if (Array.isArray(tags) && tags.includes(EXPECTED)) return null;
  const { executionCount, outputs } = model as ICodeCellModel;
  const known = connection?.cells.get(model.id);
  // A run that is on its way, or that has passed, has another number than the one that failed.
  if (known && executionCount !== null && known.run === executionCount) return known;
  for (let place = outputs.length - 1; place >= 0; place -= 1) {
    const output = outputs.get(place);
    if (output.type !== "error") continue;
    const { ename, evalue } = output.toJSON() as { ename?: string; evalue?: string };
    if (ename === STOPPED) continue;
    const message = [ename, evalue].filter(Boolean).join(": ");
    return { message, count: known?.count ?? 0, failure: "" };
  }
  return null;
}

/** The mark of one cell, while its notebook shows it. */
class Mark {
  readonly #node = document.createElement("button");
  #error = false;

  constructor(
    private readonly cell: Cell,
    private readonly find: (model: ICellModel) => Failed | null,
    private readonly trans: TranslationBundle,
    clicked: (failed: Failed) => void,
  ) {
    this.#node.type = "button";
    this.#node.className = "fx-mark";
    this.#node.addEventListener("click", (event) => {
      event.stopPropagation();
      const found = this.find(this.cell.model);
      if (found) clicked(found);
    });
    // The notebook would make the cell active, and take the focus.
    this.#node.addEventListener("mousedown", (event) => event.stopPropagation());
    const { model } = cell;
    model.stateChanged.connect(this.#onState);
    model.metadataChanged.connect(this.update);
    if (model.type === "code") (model as ICodeCellModel).outputs.changed.connect(this.#onOutputs);
    this.update();
  }

  readonly #onState = (_: unknown, { name }: { name: string }): void => {
    if (name === "executionCount") this.update();
  };

  /** Printing costs nothing: it is looked at only when an error comes, or what there was goes. */
  readonly #onOutputs = (_: unknown, change: { type: string; newValues: { type: string }[] }) => {
    const comes = change.newValues.some(({ type }) => type === "error");
    if (comes || (this.#error && change.type !== "add")) this.update();
  };

  readonly update = (): void => {
    const found = this.find(this.cell.model);
    this.#error = found !== null;
    this.cell.toggleClass("fx-failed", this.#error);
    if (!found) {
      this.#node.remove();
      return;
    }
    const { count } = found;
    const message = visible(found.message).slice(0, MAX_MESSAGE);
    const times = this.trans._n("failed once", "failed %1 times in this session", count);
    const tooltip = count > 1 ? `${message}\n${times}` : message;
    this.#node.textContent = count > MAX_COUNT ? `${MAX_COUNT}+` : count > 1 ? `${count}` : "!";
    this.#node.title = tooltip;
    this.#node.setAttribute("aria-label", this.trans.__("Failed: %1", tooltip.replace("\n", ", ")));
    if (!this.#node.isConnected) this.cell.node.append(this.#node);
  };

  dispose(): void {
    this.#node.remove();
    const { isDisposed, model } = this.cell;
    if (isDisposed || model.isDisposed) return; // with the notebook that is closed
    this.cell.removeClass("fx-failed");
    model.stateChanged.disconnect(this.#onState);
    model.metadataChanged.disconnect(this.update);
    if (model.type === "code")
      (model as ICodeCellModel).outputs.changed.disconnect(this.#onOutputs);
  }
}

/** Marks the cells of a notebook whose last run failed. */
export class Marks {
  readonly #marks = new Map<Cell, Mark>();
  #connection: Connection | null = null;
  #cells: CellList | null = null;
  readonly #unfollow: () => void;

  constructor(
    private readonly panel: NotebookPanel,
    private readonly trans: TranslationBundle,
    private readonly clicked: (failed: Failed) => void,
  ) {
    panel.content.modelChanged.connect(this.#onModel);
    this.#unfollow = follow(panel.sessionContext, (connection) => {
      this.#connection = connection;
      for (const mark of this.#marks.values()) mark.update();
    });
    panel.disposed.connect(() => this.dispose());
    this.#onModel();
  }

  dispose(): void {
    this.#unfollow();
    this.panel.content.modelChanged.disconnect(this.#onModel);
    this.#cells?.changed.disconnect(this.#sync);
    for (const mark of this.#marks.values()) mark.dispose();
    this.#marks.clear();
  }

  readonly #onModel = (): void => {
    this.#cells?.changed.disconnect(this.#sync);
    this.#cells = this.panel.content.model?.cells ?? null;
    this.#cells?.changed.connect(this.#sync);
    this.#sync();
  };

  readonly #sync = (): void => {
    const cells = new Set(this.panel.content.widgets);
    for (const [cell, mark] of this.#marks) {
      if (cells.has(cell)) continue;
      mark.dispose();
      this.#marks.delete(cell);
    }
    for (const cell of cells) {
      if (this.#marks.has(cell)) continue;
      const find = (model: ICellModel) => failed(model, this.#connection);
      this.#marks.set(cell, new Mark(cell, find, this.trans, this.clicked));
    }
  };
}

/** The marks of every notebook that is open, while the reader wants them. */
export class AllMarks {
  readonly #marks = new Map<NotebookPanel, Marks>();
  #areWanted = true;

  constructor(
    private readonly tracker: INotebookTracker,
    private readonly trans: TranslationBundle,
    private readonly clicked: (panel: NotebookPanel, failed: Failed) => void,
  ) {
    tracker.forEach((panel) => this.#put(panel));
    tracker.widgetAdded.connect((_, panel) => this.#put(panel));
  }

  set areWanted(yes: boolean) {
    this.#areWanted = yes;
    if (yes) {
      this.tracker.forEach((panel) => this.#put(panel));
      return;
    }
    for (const marks of this.#marks.values()) marks.dispose();
    this.#marks.clear();
  }

  #put(panel: NotebookPanel): void {
    if (!this.#areWanted || this.#marks.has(panel)) return;
    const clicked = (failed: Failed) => this.clicked(panel, failed);
    this.#marks.set(panel, new Marks(panel, this.trans, clicked));
    panel.disposed.connect(() => this.#marks.delete(panel));
  }
}
