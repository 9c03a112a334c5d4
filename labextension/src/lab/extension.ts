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
import { translateWith } from "../table/words.js";
import style from "./style.css";
import { Commands, ids } from "./commands.js";
import { connectionOf, follow, wishes } from "./connections.js";
import { ICON } from "./icon.js";
import { jump, type Landing } from "./jump.js";
import { Marks } from "./marks.js";
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

  const toCell = (id: string) => shell.activateById(id);
  const panel = new FailurePanel(trans, async (notebook, failure, focus) =>
    told(await jump(tracker, notebook, failure, toCell, focus), trans),
  );
  panel.id = "failextract-panel";
  panel.title.icon = ICON;
  panel.title.caption = trans.__("Failures");
  shell.add(panel, "right", { rank: 900, type: "Failures" });
  restorer?.add(panel, panel.id);
  const showPanel = () => shell.activateById(panel.id);

  new Commands({ commands, tracker, translator, trans, showPanel, activate: toCell });
  tracker.currentChanged.connect((_, notebook) => panel.follow(notebook));
  panel.follow(tracker.currentWidget);

  const marked = new Map<NotebookPanel, Marks>();
  let showsMarks = true;
  const mark = (notebook: NotebookPanel) => {
    if (!showsMarks || marked.has(notebook)) return;
    const marks = new Marks(notebook, trans, (_, { failure }) => {
      showPanel();
      panel.follow(notebook);
      if (failure) panel.open(failure);
    });
    marked.set(notebook, marks);
    notebook.disposed.connect(() => marked.delete(notebook));
  };
  tracker.forEach(mark);
  tracker.widgetAdded.connect((_, notebook) => mark(notebook));
  consoles?.widgetAdded.connect((_, { sessionContext, disposed }) => {
    const unfollow = follow(sessionContext, () => {}); // it may load the extension
    disposed.connect(unfollow);
  });
  registry?.addFactory<NotebookPanel>(
    "Notebook",
    "failextract",
    (notebook) => new FailureButton(notebook, commands, trans),
  );

  const category = trans.__("Failures");
  for (const command of Object.values(ids))
    if (command !== ids.export) palette?.addItem({ command, category });
  const offered = new Set<string>();
  const update = () => {
    commands.notifyCommandChanged();
    const { glance } =
      (tracker.currentWidget && connectionOf(tracker.currentWidget.sessionContext)) ?? {};
    for (const format of glance?.formats ?? []) {
      if (offered.has(format)) continue;
      offered.add(format);
      palette?.addItem({ command: ids.export, args: { format }, category });
    }
  };
  tracker.widgetAdded.connect((_, notebook) => {
    notebook.disposed.connect(follow(notebook.sessionContext, update));
  });

  void settings?.load(ID).then((loaded) => {
    const apply = () => {
      wishes.captureOnStart = loaded.get("captureOnStart").composite === true;
      showsMarks = loaded.get("marks").composite !== false;
      if (showsMarks) tracker.forEach(mark);
      else
        for (const [notebook, marks] of marked) {
          marks.dispose();
          marked.delete(notebook);
        }
    };
    loaded.changed.connect(apply);
    apply();
  });
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
