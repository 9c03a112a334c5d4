import { h } from "./dom.js";
import { counted, number, t } from "./words.js";
import type { DataSource } from "./source.js";

type Scope = "all" | "shown" | "selected";

const bytes = new Intl.NumberFormat(undefined, { maximumFractionDigits: 1 });

/** `34 KB`, in the reader's locale. */
const size = (count: number): string =>
  count < 1e6 ? `${bytes.format(count / 1e3)} KB` : `${bytes.format(count / 1e6)} MB`;

/** A button for each format; what is exported and where it goes is chosen beside them. */
export class Exports {
  readonly element: HTMLElement;
  readonly #scope = h("select", { "aria-label": t("What is exported") });
  readonly #target = h("select", { "aria-label": t("Where it goes") });
  readonly #buttons = h("span", {
    class: "ft-formats",
    role: "group",
    "aria-label": t("Export as"),
  });
  readonly #bar = h("progress", { max: 1, "aria-label": t("Export") });
  readonly #cancel = h("button", { type: "button" }, t("Cancel"));
  readonly #running = h("span", { class: "ft-running", hidden: true }, this.#bar, this.#cancel);
  #isChosen = false; // the reader has chosen what is exported
  #formats = "";
  #told = ""; // the counts that the list speaks of
  #abort: AbortController | null = null;

  constructor(
    private readonly source: DataSource,
    private readonly say: (text: string) => void,
    private readonly failed: (error: unknown) => void,
  ) {
    this.#scope.addEventListener("change", () => {
      this.#isChosen = true;
      this.#enable();
    });
    this.#target.append(h("option", { value: "download" }, t("download")));
    this.#target.append(h("option", { value: "file" }, t("beside the notebook")));
    this.#target.hidden = !source.canWriteFiles;
    this.#cancel.addEventListener("click", () =>
      this.#abort?.abort(new Error(t("Export cancelled."))),
    );
    this.element = h(
      "div",
      { class: "ft-exports" },
      h("span", {}, t("Export")),
      this.#scope,
      this.#target,
      this.#buttons,
      this.#running,
    );
  }

  update(): void {
    const { total, shown, selected, formats } = this.source.state;
    this.#drawButtons(formats);
    this.element.hidden = total === 0;
    const told = JSON.stringify([total, shown, selected]);
    if (told === this.#told) return; // an open list must stay
    this.#told = told;
    const counts: [Scope, string, number][] = [
      ["all", t("all %1", number(total)), total],
      ["shown", t("%1 shown", number(shown)), shown],
      ["selected", t("%1 selected", number(selected)), selected],
    ];
    const usual: Scope = selected ? "selected" : shown < total ? "shown" : "all";
    if (this.#scope.value === "selected" && !selected) this.#isChosen = false;
    const value = this.#isChosen ? this.#scope.value : usual;
    const options = counts.map(([scope, words, count]) =>
      h("option", { value: scope, disabled: count === 0 }, words),
    );
    this.#scope.replaceChildren(...options);
    this.#scope.value = value;
    this.#enable();
  }

  /** There is a button for what is there, while nothing is on its way. */
  #enable(): void {
    const option = this.#scope.selectedOptions[0];
    const isOff = this.#abort !== null || option === undefined || option.disabled;
    for (const button of this.#buttons.querySelectorAll("button")) button.disabled = isOff;
  }

  #drawButtons(formats: string[]): void {
    if (formats.join() === this.#formats) return;
    this.#formats = formats.join();
    const buttons = formats.map((name) =>
      h(
        "button",
        {
          type: "button",
          "data-format": name,
          onclick: () => void this.#run(name),
        },
        name,
      ),
    );
    this.#buttons.replaceChildren(...buttons);
    this.#enable();
  }

  /** The view is gone: nobody waits for what is on its way. */
  dispose(): void {
    this.#abort?.abort(new Error(t("Export cancelled.")));
  }

  async #run(format: string): Promise<void> {
    if (this.#abort) return;
    const abort = (this.#abort = new AbortController());
    const focused = document.activeElement as HTMLElement | null; // a disabled button loses it
    const request = { format, scope: this.#scope.value, target: this.#target.value };
    const count =
      this.source.state[request.scope === "all" ? "total" : (request.scope as Scope & "shown")];
    this.#show(true);
    try {
      const { filename, blob, path } = await this.source.export(request, {
        signal: abort.signal,
        report: (share) => this.#progress(share),
      });
      if (blob) download(filename, blob);
      const what = counted(count);
      if (blob) this.say(t("%1 downloaded as %2 (%3).", what, filename, size(blob.size)));
      else this.say(t("%1 written to %2.", what, path ?? ""));
    } catch (error) {
      if (abort.signal.aborted && error === abort.signal.reason)
        this.say(t("The export was cancelled; nothing was written."));
      else this.failed(error);
    } finally {
      this.#abort = null;
      this.#show(false);
      if (document.activeElement === document.body) focused?.focus();
    }
  }

  #progress(share: number): void {
    if (share < 0) this.#bar.removeAttribute("value");
    else this.#bar.value = share;
  }

  #show(isRunning: boolean): void {
    this.#running.hidden = !isRunning;
    this.#bar.removeAttribute("value");
    this.#enable();
  }
}

export function download(filename: string, blob: Blob): void {
  const address = URL.createObjectURL(blob);
  h("a", { href: address, download: filename }).click();
  // The browser has taken hold of it by then.
  setTimeout(() => URL.revokeObjectURL(address), 60_000);
}
