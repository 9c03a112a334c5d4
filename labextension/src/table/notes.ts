import { h } from "./dom.js";
import { counted, t } from "./words.js";
import type { DataSource } from "./source.js";

/** What the table says and asks, above the lines: results, errors, "forget all?", "undo". */
export class Notes {
  readonly element = h("div", { class: "ft-notes" });
  readonly #said = h("div", { class: "ft-note", role: "status" });
  readonly #wrong = h("div", { class: "ft-note ft-wrong", role: "alert" });
  readonly #asked = h("div", {
    class: "ft-note",
    role: "alertdialog",
    "aria-label": t("Forget all?"),
  });
  readonly #undo = h("div", { class: "ft-note" });
  readonly #waiting = h("div", { class: "ft-note", role: "status" });
  #offered = 0; // failures that the undo speaks of

  constructor(
    private readonly source: DataSource,
    private readonly done: () => void,
  ) {
    this.element.append(this.#said, this.#wrong, this.#asked, this.#undo, this.#waiting);
    for (const note of this.element.children) (note as HTMLElement).hidden = true;
  }

  say(text: string): void {
    this.#put(this.#said, text);
  }

  /** What went wrong, in the words of the error: they say what to do. */
  fail(error: unknown): void {
    this.#put(this.#wrong, error instanceof Error ? error.message : String(error));
  }

  #put(note: HTMLElement, text: string): void {
    note.replaceChildren(
      h("span", {}, text),
      this.#dismiss(() => (note.hidden = true)),
    );
    note.hidden = false;
  }

  #dismiss(put: () => void): HTMLElement {
    const button = h("button", { type: "button", "aria-label": t("Dismiss") }, "✕");
    button.addEventListener("click", () => {
      put();
      this.done();
    });
    return button;
  }

  update(): void {
    if (this.source.wrong) this.fail(this.source.wrong);
    this.#offer(this.source.state.undo);
    this.#waiting.hidden = !this.source.isWaiting;
    if (this.source.isWaiting)
      this.#waiting.textContent = t(
        "The kernel is busy or gone. What it was asked is shown as soon as it answers.",
      );
  }

  /** To undo the clear that forgot so many failures. */
  #offer(count: number): void {
    this.#undo.hidden = count === 0;
    if (count === this.#offered) return;
    this.#offered = count;
    const back = h("button", { type: "button" }, t("Undo"));
    back.addEventListener("click", () => this.#do(this.source.undo(), "brought back"));
    const away = this.#dismiss(() => {
      this.source.forget().catch((error: unknown) => this.fail(error));
    });
    this.#undo.replaceChildren(h("span", {}, t("%1 forgotten.", counted(count))), back, away);
  }

  askToClear(): void {
    const yes = h("button", { type: "button", class: "ft-danger" }, t("Forget them"));
    yes.addEventListener("click", () => {
      this.escape();
      this.#do(this.source.clear(), "");
    });
    const no = h("button", { type: "button" }, t("Keep them"));
    no.addEventListener("click", () => {
      this.escape();
      this.done();
    });
    const question = t("Forget all %1?", counted(this.source.state.total));
    this.#asked.replaceChildren(h("span", {}, question), yes, no);
    this.#asked.hidden = false;
    no.focus();
  }

  /** Takes the question back; false where there was none. */
  escape(): boolean {
    const wasAsked = !this.#asked.hidden;
    this.#asked.hidden = true;
    return wasAsked;
  }

  #do(doing: Promise<number>, what: string): void {
    doing
      .then((count) => {
        if (what) this.say(`${counted(count)} ${what}.`);
        this.done();
      })
      .catch((error: unknown) => this.fail(error));
  }
}
