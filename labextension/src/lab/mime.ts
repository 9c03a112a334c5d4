import type { JupyterFrontEndPlugin } from "@jupyterlab/application";
import { INotebookTracker, type NotebookPanel } from "@jupyterlab/notebook";
import { IRenderMimeRegistry, type IRenderMime } from "@jupyterlab/rendermime";
import { ITranslator, nullTranslator, type TranslationBundle } from "@jupyterlab/translation";
import { PanelLayout, Widget } from "@lumino/widgets";
import { h } from "../table/dom.js";
import { number } from "../table/words.js";
import { list, object } from "../table/place.js";
import { Records } from "../table/records.js";
import type { Failure } from "../table/source.js";
import { FailureTable } from "../table/table.js";

export const MIME = "application/vnd.failextract.failures.v1+json";
const WIDGET = "application/vnd.jupyter.widget-view+json";
const RANK = -20; // before ipywidgets', which has nothing to show without its kernel

/** Whether a kernel has the model of a widget. */
async function isAlive(panel: NotebookPanel, model: string): Promise<boolean> {
  await panel.sessionContext.ready;
  const kernel = panel.sessionContext.session?.kernel;
  if (!kernel) return false;
  if (kernel.hasComm(model)) return true;
  const { content } = await kernel.requestCommInfo({ target_name: "jupyter.widget" });
  return content.status === "ok" && model in content.comms;
}

/** The table of an output: the live one where the kernel has it, else what the notebook holds. */
class Renderer extends Widget implements IRenderMime.IRenderer {
  #table: FailureTable | null = null;

  constructor(
    private readonly panel: NotebookPanel | null,
    private readonly trans: TranslationBundle,
  ) {
    super();
    this.layout = new PanelLayout();
    this.addClass("fx-output");
  }

  override dispose(): void {
    this.#table?.dispose();
    super.dispose();
  }

  async renderModel(model: IRenderMime.IMimeModel): Promise<void> {
    const { panel } = this;
    const id = object(model.data[WIDGET])["model_id"];
    const isWidget = typeof id === "string" && id !== "" && model.trusted;
    if (!panel || !isWidget || !panel.content.rendermime.getFactory(WIDGET)) {
      this.#drawSaved(model);
      return;
    }
    if (panel.sessionContext.session?.kernel?.hasComm(id)) {
      await this.#drawLive(panel, model);
      return;
    }
    this.#drawSaved(model);
    const live = await isAlive(panel, id).catch(() => false);
    if (live && !this.isDisposed) await this.#drawLive(panel, model);
  }

  async #drawLive(panel: NotebookPanel, model: IRenderMime.IMimeModel): Promise<void> {
    this.#empty();
    const renderer = panel.content.rendermime.createRenderer(WIDGET);
    (this.layout as PanelLayout).addWidget(renderer);
    await renderer.renderModel(model);
  }

  #drawSaved(model: IRenderMime.IMimeModel): void {
    this.#empty();
    const { trans } = this;
    const { failures, total } = object(model.data[MIME]);
    const records = list(failures) as Failure[];
    if (!Array.isArray(failures)) this.#say(trans.__("The failures saved here cannot be read."));
    else if (!records.length && !total) this.#say(trans.__("No failures when this was saved."));
    else if (typeof total === "number" && total > records.length)
      this.#say(
        trans.__(
          "The notebook holds the newest %1 of %2 failures.",
          number(records.length),
          number(total),
        ),
      );
    if (!records.length) return;
    this.#table = new FailureTable(new Records(records));
    this.node.append(this.#table.element);
  }

  #say(text: string): void {
    this.node.append(h("p", { class: "fx-saved" }, text));
  }

  #empty(): void {
    for (const widget of [...(this.layout as PanelLayout).widgets]) widget.dispose();
    this.#table?.dispose();
    this.#table = null;
    this.node.replaceChildren();
  }
}

const factory = (
  panel: NotebookPanel | null,
  trans: TranslationBundle,
): IRenderMime.IRendererFactory => ({
  safe: true, // nothing of a record is anything but text
  mimeTypes: [MIME],
  createRenderer: () => new Renderer(panel, trans),
});

/** Shows failures that a notebook has saved. */
export const mime: JupyterFrontEndPlugin<void> = {
  id: "failextract-nb:mime",
  description: "Shows the failures that a notebook holds as a table.",
  autoStart: true,
  requires: [IRenderMimeRegistry],
  optional: [INotebookTracker, ITranslator],
  activate: (
    _app,
    registry: IRenderMimeRegistry,
    tracker: INotebookTracker | null,
    translator: ITranslator | null,
  ) => {
    const trans = (translator ?? nullTranslator).load("failextract_nb");
    registry.addFactory(factory(null, trans), RANK);
    const put = (panel: NotebookPanel) =>
      panel.content.rendermime.addFactory(factory(panel, trans), RANK);
    tracker?.forEach(put);
    tracker?.widgetAdded.connect((_, panel) => put(panel));
  },
};
