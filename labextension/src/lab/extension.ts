import {
  ILayoutRestorer,
  type JupyterFrontEnd,
  type JupyterFrontEndPlugin,
} from "@jupyterlab/application";
import { ICommandPalette, IToolbarWidgetRegistry } from "@jupyterlab/apputils";
import { IConsoleTracker } from "@jupyterlab/console";
import { INotebookTracker, type NotebookPanel } from "@jupyterlab/notebook";
import { ISettingRegistry } from "@jupyterlab/settingregistry";
import { ITranslator, nullTranslator } from "@jupyterlab/translation";
import type { TranslationBundle } from "@jupyterlab/translation";
import type { CommandRegistry } from "@lumino/commands";
import { translateWith } from "../table/words.js";
import style from "./style.css";
import { Commands, ids, takeKeys } from "./commands.js";
import { connectionOf, follow, wishes } from "./connections.js";
import { ICON } from "./icon.js";
import { jump, type Landing } from "./jump.js";
import { AllMarks } from "./marks.js";
import { FailurePanel } from "./panel.js";
import { FailureButton } from "./toolbar.js";

const ID = "failextract-nb:plugin";

/** What a reader is told about the way to a cell. */
function told(landing: Landing, trans: TranslationBundle): { note: string; showSource: boolean } {
  const notes: Record<Landing, string> = {
    there: "",
    nowhere: "",
    changed: trans.__("The cell has changed since it failed; its source then is shown below."),
    gone: trans.__("The cell is gone from the notebook; its source is shown below."),
  };
  return { note: notes[landing], showSource: landing === "changed" || landing === "gone" };
}

function addPanel(
  { commands, shell }: JupyterFrontEnd,
  tracker: INotebookTracker,
  trans: TranslationBundle,
): FailurePanel {
  const toCell = (id: string) => shell.activateById(id);
  const panel = new FailurePanel(trans, async (notebook, failure, focus) =>
    told(await jump(tracker, notebook, failure, toCell, focus), trans),
  );
  panel.id = "failextract-panel";
  panel.title.icon = ICON;
  panel.title.caption = trans.__("Failures");
  shell.add(panel, "right", { rank: 900, type: "Failures" });
  takeKeys(panel.node, commands);
  tracker.currentChanged.connect((_, notebook) => panel.follow(notebook));
  panel.follow(tracker.currentWidget);
  return panel;
}

/** Every command, and an export for each format that any kernel has told of. */
function fillPalette(
  commands: CommandRegistry,
  tracker: INotebookTracker,
  palette: ICommandPalette | null,
  category: string,
): void {
  for (const command of Object.values(ids))
    if (command !== ids.export) palette?.addItem({ command, category });
  const offered = new Set<string>();
  const update = () => {
    commands.notifyCommandChanged();
    const notebook = tracker.currentWidget;
    const glance = notebook && connectionOf(notebook.sessionContext)?.glance;
    for (const format of glance?.formats ?? []) {
      if (offered.has(format)) continue;
      offered.add(format);
      palette?.addItem({ command: ids.export, args: { format }, category });
    }
  };
  tracker.currentChanged.connect(update);
  tracker.widgetAdded.connect((_, notebook) => {
    notebook.disposed.connect(follow(notebook.sessionContext, update));
  });
}

async function followSettings(settings: ISettingRegistry, marks: AllMarks): Promise<void> {
  const loaded = await settings.load(ID);
  const apply = () => {
    wishes.captureOnStart = loaded.get("captureOnStart").composite === true;
    marks.areWanted = loaded.get("marks").composite !== false;
  };
  loaded.changed.connect(apply);
  apply();
}

function activate(
  app: JupyterFrontEnd,
  tracker: INotebookTracker,
  registry: IToolbarWidgetRegistry | null,
  settings: ISettingRegistry | null,
  palette: ICommandPalette | null,
  consoles: IConsoleTracker | null,
  restorer: ILayoutRestorer | null,
  given: ITranslator | null,
): void {
  const { commands, shell } = app;
  const translator = given ?? nullTranslator;
  const trans = translator.load("failextract_nb");
  translateWith(trans);
  document.head.append(Object.assign(document.createElement("style"), { textContent: style }));

  const panel = addPanel(app, tracker, trans);
  restorer?.add(panel, panel.id);
  // What is shown already, Notebook 7.2 would hide.
  const showPanel = () => (panel.isVisible ? panel.activate() : shell.activateById(panel.id));
  const toCell = (id: string) => shell.activateById(id);
  new Commands({ commands, tracker, translator, trans, showPanel, activate: toCell });
  fillPalette(commands, tracker, palette, trans.__("Failures"));

  const marks = new AllMarks(tracker, trans, (notebook, { failure }) => {
    showPanel();
    panel.follow(notebook);
    if (failure) panel.open(failure);
  });
  registry?.addFactory<NotebookPanel>(
    "Notebook",
    "failextract",
    (notebook) => new FailureButton(notebook, commands, trans),
  );
  consoles?.widgetAdded.connect((_, { sessionContext, disposed }) => {
    disposed.connect(follow(sessionContext, () => {})); // it may load the extension
  });
  if (settings)
    wishes.areKnown = followSettings(settings, marks).catch((error: Error) =>
      console.warn(error.message),
    );
}

/** The panel, the marks, the toolbar's button and the commands. */
export const extension: JupyterFrontEndPlugin<void> = {
  id: ID,
  description: "Shows the failures of a notebook's kernel in a panel and at the cells.",
  autoStart: true,
  requires: [INotebookTracker],
  optional: [
    IToolbarWidgetRegistry,
    ISettingRegistry,
    ICommandPalette,
    IConsoleTracker,
    ILayoutRestorer,
    ITranslator,
  ],
  activate,
};
