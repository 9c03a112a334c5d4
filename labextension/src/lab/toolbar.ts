import type { NotebookPanel } from "@jupyterlab/notebook";
import type { TranslationBundle } from "@jupyterlab/translation";
import type { CommandRegistry } from "@lumino/commands";
import { Menu, Widget } from "@lumino/widgets";
import { h } from "../table/dom.js";
import { number } from "../table/words.js";
import { ids } from "./commands.js";
import type { Connection } from "./connection.js";
import { follow } from "./connections.js";
import { ICON } from "./icon.js";

const MOST = 99; // that the badge counts

/** In a notebook's toolbar: how many failures nobody has seen, and a menu to hand them on. */
export class FailureButton extends Widget {
  readonly #count = h("span", { class: "fx-count", hidden: true });
  readonly #show = h("button", { type: "button", class: "fx-show" }, this.#count);
  readonly #more = h("button", { type: "button", class: "fx-more", "aria-haspopup": "menu" }, "▾");
  readonly #unfollow: () => void;
  #connection: Connection | null = null;

  constructor(
    panel: NotebookPanel,
    private readonly commands: CommandRegistry,
    private readonly trans: TranslationBundle,
  ) {
    super({ node: h("div", { class: "fx-toolbar" }) });
    ICON.element({ container: this.#show.insertBefore(h("span"), this.#count), tag: "span" });
    this.node.append(this.#show, this.#more);
    this.#more.title = trans.__("Export failures");
    this.#more.setAttribute("aria-label", trans.__("Export failures"));
    this.#show.addEventListener("click", () => void commands.execute(ids.show));
    this.#more.addEventListener("click", () => this.#open());
    this.#unfollow = follow(panel.sessionContext, (connection) => {
      this.#connection = connection;
      this.#draw();
    });
    this.#draw();
  }

  override dispose(): void {
    this.#unfollow();
    super.dispose();
  }

  #draw(): void {
    const unseen = this.#connection?.glance?.unseen ?? 0;
    this.#count.hidden = unseen === 0;
    this.#count.textContent = unseen > MOST ? `${MOST}+` : number(unseen);
    const told = unseen
      ? this.trans._n("%1 failure that nobody has seen", "%1 unseen failures", unseen)
      : this.trans.__("Failures");
    this.#show.title = told;
    this.#show.setAttribute("aria-label", told);
  }

  #open(): void {
    const menu = exportMenu(this.commands, this.#connection);
    const { left, bottom } = this.#more.getBoundingClientRect();
    menu.aboutToClose.connect(() => {
      this.#more.focus({ preventScroll: true });
      setTimeout(() => menu.dispose()); // what was chosen is run after it closes
    });
    menu.open(left, bottom);
  }
}

/** One entry for each format that the kernel knows, all of them, and the clipboard. */
function exportMenu(commands: CommandRegistry, connection: Connection | null): Menu {
  const menu = new Menu({ commands });
  for (const format of connection?.glance?.formats ?? [])
    menu.addItem({ command: ids.export, args: { format } });
  if (connection?.glance) menu.addItem({ type: "separator" });
  menu.addItem({ command: ids.exportAll });
  menu.addItem({ command: ids.copy });
  return menu;
}
