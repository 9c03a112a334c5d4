import { Dialog, Notification, showDialog } from "@jupyterlab/apputils";
import type { Cell } from "@jupyterlab/cells";
import { NotebookActions, type INotebookTracker, type NotebookPanel } from "@jupyterlab/notebook";
import type { ITranslator, TranslationBundle } from "@jupyterlab/translation";
import { CommandRegistry } from "@lumino/commands";
import type { Connection } from "./connection.js";
import { connectionOf } from "./connections.js";
import { copyAsMarkdown, exportAs } from "./files.js";
import { ICON } from "./icon.js";
import { goTo } from "./jump.js";
import { failed } from "./marks.js";

export const ids = {
  show: "failextract:show",
  next: "failextract:next",
  previous: "failextract:previous",
  last: "failextract:last",
  export: "failextract:export",
  exportAll: "failextract:export-all",
  copy: "failextract:copy-markdown",
  clear: "failextract:clear",
  capture: "failextract:capture",
  rerun: "failextract:rerun",
};

const SHORT = 4_000; // milliseconds that a notice stays

export interface Surroundings {
  commands: CommandRegistry;
  tracker: INotebookTracker;
  translator: ITranslator;
  trans: TranslationBundle;
  showPanel(): void;
  activate(id: string): void; // a widget of the main area
}

/** A table keeps its keys from the page's shortcuts; within `node` those of our commands hold. */
export function takeKeys(node: HTMLElement, commands: CommandRegistry): void {
  const ours = new Set(Object.values(ids));
  const take = (event: KeyboardEvent): void => {
    const pressed = CommandRegistry.keystrokeForKeydownEvent(event);
    const binding = commands.keyBindings.find(
      ({ command, keys }) => ours.has(command) && keys.length === 1 && keys[0] === pressed,
    );
    if (!binding || !commands.isEnabled(binding.command, binding.args)) return;
    event.preventDefault();
    event.stopPropagation();
    void commands.execute(binding.command, binding.args);
  };
  node.addEventListener("keydown", take, true);
}

/** Every command; what cannot be done now is disabled, or says why. */
export class Commands {
  constructor(private readonly around: Surroundings) {
    const { trans } = around;
    const add = (
      id: string,
      label: string,
      execute: () => unknown,
      isEnabled: () => boolean = () => this.#panel !== null,
    ) => around.commands.addCommand(id, { label, execute, isEnabled });
    const isLoaded = () => Boolean(this.#connection?.glance);
    const hasFailures = () => Boolean(this.#connection?.glance?.total);

    around.commands.addCommand(ids.show, {
      label: trans.__("Show Failures"),
      caption: trans.__("The failures of this notebook's kernel"),
      icon: ICON,
      execute: () => around.showPanel(),
    });
    add(ids.next, trans.__("Next Failed Cell"), () => this.#step(1));
    add(ids.previous, trans.__("Previous Failed Cell"), () => this.#step(-1));
    add(ids.last, trans.__("Go to the Most Recently Failed Cell"), () => this.#last());
    add(ids.rerun, trans.__("Run Failed Cells Again"), () => this.#rerun());
    add(ids.clear, trans.__("Clear Failures…"), () => this.#clear(), hasFailures);
    add(
      ids.exportAll,
      trans.__("Export Failures in All Formats"),
      () => this.#exportAll(),
      isLoaded,
    );
    add(ids.copy, trans.__("Copy Failures as Markdown"), () => this.#copy(), isLoaded);
    around.commands.addCommand(ids.export, {
      label: ({ format }) => trans.__("Export Failures as %1", String(format ?? "json")),
      isEnabled: isLoaded,
      execute: ({ format }) => this.#try((one) => exportAs(one, String(format ?? "json"))),
    });
    around.commands.addCommand(ids.capture, {
      label: trans.__("Capture Failures"),
      isToggleable: true,
      isEnabled: () => ["absent", "loaded"].includes(this.#connection?.standing ?? ""),
      isToggled: () => Boolean(this.#connection?.glance?.capture),
      execute: () => this.#capture(),
    });
  }

  get #panel(): NotebookPanel | null {
    return this.around.tracker.currentWidget;
  }

  get #connection(): Connection | null {
    return this.#panel && connectionOf(this.#panel.sessionContext);
  }

  #say(text: string): void {
    Notification.info(text, { autoClose: SHORT });
  }

  async #try(doing: (connection: Connection) => Promise<unknown>): Promise<void> {
    const connection = this.#connection;
    if (!connection) return;
    try {
      await doing(connection);
    } catch (error) {
      Notification.error((error as Error).message);
    }
  }

  // --- cells

  /** The cells whose last run failed, by their places. */
  #failed(panel: NotebookPanel): number[] {
    const connection = connectionOf(panel.sessionContext);
    const places: number[] = [];
    panel.content.widgets.forEach((cell, place) => {
      if (failed(cell.model, connection)) places.push(place);
    });
    return places;
  }

  async #step(by: 1 | -1): Promise<void> {
    const panel = this.#panel!;
    const places = this.#failed(panel);
    const here = panel.content.activeCellIndex;
    const further =
      by > 0 ? places.find((one) => one > here) : places.findLast((one) => one < here);
    await this.#goTo(panel, further ?? places.at(by > 0 ? 0 : -1));
  }

  async #last(): Promise<void> {
    const panel = this.#panel!;
    const places = this.#failed(panel);
    const { widgets } = panel.content;
    const last = this.#connection?.glance?.last;
    const known = places.find((place) => widgets[place]!.model.id === last);
    const run = (place: number) => Number(widgets[place]!.model.toJSON()["execution_count"] ?? 0);
    await this.#goTo(panel, known ?? places.toSorted((one, other) => run(one) - run(other)).at(-1));
  }

  async #goTo(panel: NotebookPanel, place: number | undefined): Promise<void> {
    if (place === undefined) {
      this.#say(this.around.trans.__("No cell of this notebook has failed in its last run."));
      return;
    }
    const { id } = panel.content.widgets[place]!.model;
    const line = connectionOf(panel.sessionContext)?.cells.get(id)?.line;
    this.around.activate(panel.id);
    await goTo(panel, place, line ? { line, column: 0 } : null, true);
  }

  async #rerun(): Promise<void> {
    const panel = this.#panel!;
    const { widgets } = panel.content;
    const cells = this.#failed(panel).map((place): Cell => widgets[place]!);
    if (!cells.length) {
      this.#say(this.around.trans.__("No cell of this notebook has failed in its last run."));
      return;
    }
    const { translator } = this.around;
    const { content, sessionContext } = panel;
    // One by one: given all of them, a kernel skips those after the first that fails again.
    for (const cell of cells) {
      if (cell.isDisposed) continue;
      const run = NotebookActions.runCells(content, [cell], sessionContext, undefined, translator);
      const hasPassed = await run;
      if (!hasPassed && !failed(cell.model, connectionOf(sessionContext))) return; // stopped
    }
  }

  // --- failures

  async #exportAll(): Promise<void> {
    await this.#try(async (connection) => {
      for (const format of connection.glance?.formats ?? []) await exportAs(connection, format);
    });
  }

  async #copy(): Promise<void> {
    const { trans } = this.around;
    await this.#try(async (connection) => {
      if (!(await copyAsMarkdown(connection)))
        throw new Error(trans.__("The browser does not let this page copy."));
      this.#say(trans.__("Failures copied as Markdown."));
    });
  }

  async #clear(): Promise<void> {
    const { trans } = this.around;
    const total = this.#connection?.glance?.total ?? 0;
    const { button } = await showDialog({
      title: trans.__("Clear failures?"),
      body: trans._n("One failure is forgotten.", "%1 failures are forgotten.", total),
      buttons: [
        Dialog.cancelButton({ label: trans.__("Cancel") }),
        Dialog.warnButton({ label: trans.__("Clear") }),
      ],
    });
    if (!button.accept) return;
    await this.#try(async (connection) => (await connection.source()).clear());
    this.around.showPanel(); // there it can be undone
  }

  async #capture(): Promise<void> {
    await this.#try(async (connection) => {
      if (connection.glance) connection.tell("capture", { on: !connection.glance.capture });
      else await connection.load();
    });
  }
}
