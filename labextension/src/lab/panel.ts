import type { NotebookPanel } from "@jupyterlab/notebook";
import type { TranslationBundle } from "@jupyterlab/translation";
import { Widget } from "@lumino/widgets";
import type { KernelSource } from "../kernel.js";
import { h } from "../table/dom.js";
import type { Failure } from "../table/source.js";
import { FailureTable } from "../table/table.js";
import type { Connection } from "./connection.js";
import { follow } from "./connections.js";

const PATIENCE = 500; // milliseconds until a reader is told that the kernel is busy

/** What the panel does when a failure is opened; resolves with what the reader is to be told. */
export type Opened = (
  panel: NotebookPanel,
  failure: Failure,
  byPointer: boolean,
) => Promise<{ note: string; showSource: boolean }>;

/** The failures of the current notebook's kernel, at the side. */
export class FailurePanel extends Widget {
  readonly #title = h("div", { class: "fx-notebook" });
  readonly #told = h("div", { class: "fx-told", role: "status" });
  readonly #place = h("div", { class: "fx-table-place" });
  #notebook: NotebookPanel | null = null;
  #connection: Connection | null = null;
  #unfollow = () => {};
  #table: FailureTable | null = null;
  #source: KernelSource | null = null;
  #drawn: Connection | null = null; // whose source that is
  #wrong = ""; // why the last attempt to load or to look has failed
  #isLoading = false;
  #wanted = ""; // the failure to open when the table is there
  #unhear = () => {};
  #seen = { count: 0, version: -1 }; // what the kernel was told of last

  constructor(
    private readonly trans: TranslationBundle,
    private readonly opened: Opened,
  ) {
    super({ node: h("div", { class: "fx-panel", role: "region" }) });
    this.node.setAttribute("aria-label", trans.__("Failures"));
    this.node.append(this.#title, this.#told, this.#place);
    document.addEventListener("visibilitychange", this.#look);
    this.follow(null);
  }

  override dispose(): void {
    document.removeEventListener("visibilitychange", this.#look);
    this.#unfollow();
    this.#drop();
    super.dispose();
  }

  /** Shows the failures of this notebook's kernel, whatever kernel that will be. */
  follow(notebook: NotebookPanel | null): void {
    if (notebook === this.#notebook && notebook) return;
    this.#unfollow();
    this.#notebook = notebook;
    this.#wrong = "";
    this.#connection = null;
    this.#title.textContent = notebook?.title.label ?? "";
    this.#title.title = notebook?.context.path ?? "";
    if (notebook) {
      this.#unfollow = follow(notebook.sessionContext, (connection) => {
        if (connection !== this.#connection) this.#wrong = "";
        this.#connection = connection;
        this.#look();
      });
    } else {
      this.#unfollow = () => {};
      this.#look();
    }
  }

  /** Opens the details of a failure, as soon as the table is there. */
  open(failure: string): void {
    this.#wanted = failure;
    this.#openWanted();
  }

  protected override onAfterShow(): void {
    this.#look();
  }

  protected override onActivateRequest(): void {
    if (this.#table) this.#table.focus();
    else this.#told.querySelector("button")?.focus();
  }

  /** Draws what there is to see now; a panel that is hidden asks nothing of a kernel. */
  readonly #look = (): void => {
    if (!this.isVisible) return;
    const told = this.#state();
    this.#told.hidden = told === null;
    this.#place.hidden = told !== null;
    if (told) {
      this.#drop();
      const same = this.#told.textContent === told.map((one) => one.textContent).join("");
      if (!same || !this.#told.contains(document.activeElement))
        this.#told.replaceChildren(...told);
      return;
    }
    this.#tellSeen();
    void this.#draw(this.#connection!);
  };

  /** What the table shows is seen; what comes later is not, whenever the kernel hears of that. */
  readonly #tellSeen = (): void => {
    if (!this.#source || !this.isVisible || document.visibilityState !== "visible") return;
    const { total, dropped, version } = this.#source.state;
    const count = total + dropped;
    const isNews = count > this.#seen.count || this.#connection?.glance?.unseen;
    if (!isNews || version === this.#seen.version) return;
    this.#seen = { count, version };
    this.#connection?.tell("seen", { count });
  };

  async #draw(connection: Connection): Promise<void> {
    // The table stays when the reader goes on to another notebook of the same kernel.
    const { standing, kernel } = this.#drawn ?? connection;
    const isSame = standing === "loaded" && kernel.id === connection.kernel.id;
    const from = (isSame && this.#drawn) || connection;
    const asked = from.source();
    const waiting = setTimeout(() => this.#askForPatience(connection), PATIENCE);
    try {
      const source = await asked;
      if (connection !== this.#connection || source === this.#source || !this.isVisible) return;
      this.#drop();
      this.#source = source;
      this.#drawn = from;
      from.changed.connect(this.#look); // the notebook that it belongs to may be closed
      this.#table = new FailureTable(source, {
        opened: async (failure, byPointer) =>
          this.#notebook
            ? this.opened(this.#notebook, failure, byPointer)
            : { note: "", showSource: false },
        goTo: this.trans.__("Go to cell"),
      });
      this.#place.replaceChildren(this.#table.element);
      this.#unhear = source.subscribe(this.#tellSeen);
      this.#tellSeen();
      this.#openWanted();
    } catch (error) {
      if (connection !== this.#connection || connection.standing !== "loaded") return;
      this.#wrong = (error as Error).message;
      this.#look();
    } finally {
      clearTimeout(waiting);
    }
  }

  #askForPatience(connection: Connection): void {
    if (connection !== this.#connection || this.#table) return;
    const why = this.trans.__("The kernel is busy. It answers when the cell has run.");
    this.#place.replaceChildren(h("div", { class: "fx-told", role: "status" }, ...this.#say(why)));
  }

  #openWanted(): void {
    if (!this.#wanted || !this.#table) return;
    void this.#table.openFailure(this.#wanted);
    this.#wanted = "";
  }

  #drop(): void {
    this.#unhear();
    this.#unhear = () => {};
    this.#seen = { count: 0, version: -1 };
    this.#table?.dispose();
    this.#table = null;
    this.#source = null;
    this.#drawn?.changed.disconnect(this.#look);
    this.#drawn = null;
    this.#place.replaceChildren();
  }

  // --- what stands there where there is no table

  #state(): HTMLElement[] | null {
    const { trans } = this;
    const connection = this.#connection;
    if (!this.#notebook) return this.#say(trans.__("Open a notebook to see its failures here."));
    if (!connection || connection.standing === "dead")
      return this.#say(trans.__("This notebook has no running kernel. Start one to go on."));
    if (this.#wrong)
      return [...this.#say(this.#wrong), this.#button(trans.__("Try again"), () => this.#again())];
    if (connection.wrong) return this.#say(connection.wrong);
    switch (connection.standing) {
      case "starting":
        return this.#say(
          trans.__("Waiting for the kernel. It answers when it has started, or the cell has run."),
        );
      case "foreign":
        return this.#say(
          trans.__("This kernel speaks %1. Failures of Python are recorded.", connection.language),
        );
      case "absent":
        return this.#absent();
      default:
        return null;
    }
  }

  #absent(): HTMLElement[] {
    const { trans } = this;
    const { refused } = this.#connection!;
    if (this.#isLoading) return this.#say(trans.__("Loading; a cell that runs comes first …"));
    return [
      ...this.#say(trans.__("Nothing is recorded yet: failextract_nb is not loaded here.")),
      ...(refused ? this.#say(this.#why(refused)) : []),
      this.#button("%load_ext failextract_nb", () => void this.#load()),
    ];
  }

  #why(refused: string): string {
    const advice = this.trans.__("Is it installed where the kernel runs?");
    return `${refused} — ${advice} pip install failextract-nb`;
  }

  #say(text: string): HTMLElement[] {
    return [h("p", {}, text)];
  }

  #button(label: string, onclick: () => void): HTMLElement {
    return h("button", { type: "button", class: "fx-button", onclick }, label);
  }

  #again(): void {
    this.#wrong = "";
    this.#look();
  }

  async #load(): Promise<void> {
    const connection = this.#connection!;
    this.#isLoading = true;
    this.#look();
    try {
      await connection.load();
    } catch (error) {
      this.#wrong = this.#why((error as Error).message);
    } finally {
      this.#isLoading = false;
      this.#look();
    }
  }
}
