import { detailPane } from "./detail.js";
import { h } from "./dom.js";
import { counted, number, t } from "./words.js";
import { Exports } from "./exports.js";
import { Facets } from "./facets.js";
import { Grid } from "./grid.js";
import { Notes } from "./notes.js";
import { COLUMNS } from "./protocol.js";
import type { DataSource, Failure } from "./source.js";
import detailStyle from "./detail.css";
import style from "./style.css";

/** What the place that a table stands in does for it, where that has cells to go to. */
export interface Host {
  goTo: string; // what a reader presses
  /** Goes to the cell of a failure; `focus`: its editor takes the keys from now. */
  opened(failure: Failure, focus: boolean): Promise<{ note: string; showSource: boolean }>;
}

/** The failure table: a search, filters, the lines, the details of one of them, exports. */
export class FailureTable {
  readonly element: HTMLElement;
  readonly #search = h("input", {
    type: "search",
    placeholder: t("Search all text  ( / )"),
    "aria-label": t("Search failures"),
    spellcheck: "false",
    autocomplete: "off",
  });
  readonly #group = h("input", { type: "checkbox" });
  readonly #columns = h("div", { class: "ft-menu", role: "group", "aria-label": t("Columns") });
  readonly #clear = h("button", { type: "button" }, t("Clear…"));
  readonly #forget = h("button", { type: "button", "aria-label": t("Remove this filter") }, "✕");
  readonly #query = h("span", { class: "ft-query" }, h("code"), this.#forget);
  readonly #all = h("button", { type: "button" });
  readonly #empty = h("div", { class: "ft-empty" }, h("b"), h("span"), this.#all);
  readonly #detail = h("div", { class: "ft-detail-place" });
  readonly #status = h("span", { class: "ft-status", role: "status" });
  readonly #grid: Grid;
  readonly #facets: Facets;
  readonly #exports: Exports;
  readonly #notes: Notes;
  readonly #unsubscribe: () => void;
  readonly #observer: ResizeObserver;
  #searching: Promise<void> | null = null;

  constructor(
    private readonly source: DataSource,
    private readonly host: Host | null = null,
  ) {
    this.#notes = new Notes(source, () => this.focus());
    const failed = (error: unknown) => this.#notes.fail(error);
    this.#grid = new Grid(source, { open: (row, focus) => void this.#open(row.id, focus), failed });
    this.#facets = new Facets(source, failed);
    this.#exports = new Exports(source, (text) => this.#notes.say(text), failed);
    this.element = this.#layout();
    this.#listen();
    this.#unsubscribe = source.subscribe(() => this.update());
    this.#observer = new ResizeObserver(([entry]) => {
      if (entry) this.#grid.columns.room = entry.contentRect.width;
    });
    this.#observer.observe(this.element);
    this.update();
  }

  /** Stops following the source. */
  dispose(): void {
    document.removeEventListener("pointerdown", this.#onPointer);
    this.#exports.dispose();
    this.#unsubscribe();
    this.#observer.disconnect();
    this.element.remove();
  }

  focus(): void {
    this.#grid.element.focus({ preventScroll: true });
  }

  #layout(): HTMLElement {
    const columns = h(
      "details",
      { class: "ft-dropdown" },
      h("summary", {}, t("Columns")),
      this.#columns,
    );
    this.#clear.hidden = !this.source.canClear;
    return h(
      "section",
      { class: "ft-table", "aria-label": t("Failure table"), "data-lm-suppress-shortcuts": "true" },
      h("style", {}, style + detailStyle),
      h(
        "div",
        { class: "ft-bar" },
        this.#search,
        h("span", { class: "ft-gap" }),
        h("label", { class: "ft-group" }, this.#group, t("Group equal ones")),
        columns,
        this.#clear,
      ),
      h("div", { class: "ft-bar ft-filters" }, this.#facets.element, this.#query),
      this.#notes.element,
      h("div", { class: "ft-main" }, this.#grid.element, this.#empty),
      this.#detail,
      h(
        "div",
        { class: "ft-foot" },
        this.#status,
        h("span", { class: "ft-gap" }),
        this.#exports.element,
      ),
    );
  }

  #listen(): void {
    this.#search.addEventListener("input", () => void this.#searchOn());
    this.#group.addEventListener("change", () => this.#show({ grouped: this.#group.checked }));
    this.#clear.addEventListener("click", () => this.#notes.askToClear());
    this.#forget.addEventListener("click", () => this.#show({ query: "" }));
    this.#all.addEventListener("click", () => this.#show({ search: "", query: "", facets: {} }));
    this.element.addEventListener("keydown", (event) => this.#onKey(event));
    // A notebook's own shortcuts look at where the focus is.
    this.element.addEventListener("focusin", (event) => {
      (event.target as HTMLElement).setAttribute("data-lm-suppress-shortcuts", "true");
    });
    document.addEventListener("pointerdown", this.#onPointer);
    this.element.addEventListener("focusout", (event) => {
      if (event.relatedTarget) this.#closeMenus(event.relatedTarget as Node);
    });
  }

  update(): void {
    const { state } = this.source;
    // What is being typed is newer than what the state knows.
    if (!this.#searching && document.activeElement !== this.#search)
      this.#search.value = state.search;
    this.#group.checked = state.grouped;
    this.#clear.disabled = state.total === 0;
    this.#drawQuery();
    this.#drawColumns();
    this.#facets.update();
    this.#exports.update();
    this.#notes.update();
    this.#drawEmpty();
    this.#status.textContent = this.#summary();
    this.#grid.update();
  }

  #summary(): string {
    const { total, shown, lines, selected, dropped, expected, grouped } = this.source.state;
    const parts = [shown < total ? t("%1 of %2", number(shown), counted(total)) : counted(total)];
    if (grouped && lines < shown) parts.push(counted(lines, "line"));
    if (selected) parts.push(t("%1 selected", number(selected)));
    if (expected) parts.push(t("%1 expected", number(expected)));
    if (dropped) parts.push(t("%1 dropped", counted(dropped, "older one")));
    return parts.join(" · ");
  }

  #drawQuery(): void {
    const { query } = this.source.state;
    this.#query.hidden = !query;
    this.#query.querySelector("code")!.textContent = query;
  }

  #drawColumns(): void {
    if (this.#columns.childElementCount) return;
    for (const name of COLUMNS) {
      const box = h("input", { type: "checkbox", "data-column": name });
      box.addEventListener("change", () => this.#grid.columns.show(name, box.checked));
      this.#columns.append(h("label", {}, box, this.#grid.columns.title(name)));
    }
    const reset = h("button", { type: "button", class: "ft-link" }, t("As at first"));
    reset.addEventListener("click", () => {
      this.#grid.columns.reset();
      this.#tickColumns();
    });
    this.#columns.append(reset);
    this.#columns.parentElement!.addEventListener("toggle", () => this.#tickColumns());
  }

  #tickColumns(): void {
    for (const box of this.#columns.querySelectorAll<HTMLInputElement>("input"))
      box.checked = this.#grid.columns.isShown(box.dataset["column"] as (typeof COLUMNS)[number]);
  }

  #drawEmpty(): void {
    const { total, shown } = this.source.state;
    this.element.classList.toggle("ft-nothing", shown === 0);
    this.#empty.hidden = shown > 0;
    this.#all.hidden = total === 0;
    this.#all.textContent = t("Show all %1", number(total));
    const [title, advice] = total
      ? [t("No failure is like that"), t("Nothing holds what the search and the filters ask for.")]
      : [t("No failures yet"), t("Run a cell: what fails from now on will stand here.")];
    this.#empty.querySelector("b")!.textContent = title!;
    this.#empty.querySelector("span")!.textContent = advice!;
  }

  #show(change: Parameters<DataSource["show"]>[0]): void {
    if (change.search !== undefined) this.#search.value = change.search;
    this.source.show(change).catch((error: unknown) => this.#notes.fail(error));
  }

  /** One question at a time; what is typed meanwhile is asked next. */
  async #searchOn(): Promise<void> {
    if (this.#searching) return;
    let asked: string | null = null;
    while (asked !== this.#search.value) {
      asked = this.#search.value;
      this.#searching = this.source.show({ search: asked });
      await this.#searching.catch((error: unknown) => this.#notes.fail(error));
    }
    this.#searching = null;
  }

  // --- details

  /** Shows the details of a failure, and goes nowhere. */
  async openFailure(id: string): Promise<void> {
    await this.#open(id, null);
  }

  async #open(id: string, focus: boolean | null): Promise<void> {
    this.#grid.openId = id;
    this.#grid.draw();
    try {
      const detail = await this.source.detail(id);
      if (this.#grid.openId !== id) return; // another one was opened meanwhile
      const go = (focus: boolean) => void this.#goTo(detail.failure, focus);
      const pane = detailPane(detail, {
        close: () => this.#close(),
        say: (text) => this.#notes.say(text),
        ...(this.host ? { goTo: { label: this.host.goTo, go: () => go(true) } } : {}),
      });
      this.#detail.replaceChildren(pane);
      if (focus !== null && this.host) go(focus);
    } catch (error) {
      if (this.#grid.openId !== id) return;
      this.#close();
      this.#notes.fail(error);
    }
  }

  async #goTo(failure: Failure, focus: boolean): Promise<void> {
    const { note, showSource } = await this.host!.opened(failure, focus);
    if (note) this.#notes.say(note);
    const source = this.#detail.querySelector<HTMLDetailsElement>("details.ft-cell");
    if (showSource && source) source.open = true;
  }

  #close(): void {
    this.#grid.openId = "";
    const hadFocus = this.#detail.contains(document.activeElement);
    this.#detail.replaceChildren();
    this.#grid.draw();
    if (hadFocus) this.focus();
  }

  // --- keys

  #onKey(event: KeyboardEvent): void {
    event.stopPropagation(); // whatever it does here, it is not the notebook's
    const target = event.target as HTMLElement;
    const isTyping = target.matches("input:not([type=checkbox]), textarea, select");
    if (event.key === "Escape") this.#escape(target);
    else if (event.key === "/" && !isTyping) this.#search.focus();
    else if (target === this.#search && (event.key === "ArrowDown" || event.key === "Enter")) {
      this.focus();
    } else if (target !== this.#grid.element || !this.#grid.onKey(event)) return;
    event.preventDefault();
  }

  #escape(target: HTMLElement): void {
    const menu = target.closest<HTMLDetailsElement>("details.ft-dropdown[open]");
    if (menu) {
      menu.open = false;
      menu.querySelector("summary")!.focus();
    } else if (this.#notes.escape()) this.focus();
    else if (target === this.#search) {
      if (this.#search.value) this.#show({ search: "" });
      this.focus();
    } else this.#close();
  }

  readonly #onPointer = (event: Event): void => this.#closeMenus(event.target as Node);

  #closeMenus(except: Node): void {
    for (const menu of this.element.querySelectorAll<HTMLDetailsElement>(
      "details.ft-dropdown[open]",
    ))
      if (!menu.contains(except)) menu.open = false;
  }
}
