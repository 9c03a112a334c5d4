import { h } from "./dom.js";
import { number, t } from "./words.js";
import type { Facet, FacetName, FacetValue } from "./protocol.js";
import type { DataSource } from "./source.js";

const TITLES: Record<FacetName, string> = {
  type: "Exception",
  origin: "Origin",
  cell: "Cell",
  thread: "Thread",
  tag: "Tag",
};

/** A menu for each thing that failures have in common; what is ticked narrows the table. */
export class Facets {
  readonly element = h("div", { class: "ft-facets", role: "group", "aria-label": t("Filters") });
  readonly #menus = new Map<FacetName, FacetMenu>();

  constructor(
    private readonly source: DataSource,
    private readonly failed: (error: unknown) => void,
  ) {}

  update(): void {
    const { facets } = this.source.state;
    for (const facet of facets) {
      let menu = this.#menus.get(facet.name);
      if (!menu) {
        menu = new FacetMenu(facet.name, this.source, () => this.#choose(), this.failed);
        this.#menus.set(facet.name, menu);
        this.element.append(menu.element);
      }
      menu.update(facet);
    }
    for (const [name, menu] of this.#menus)
      menu.element.hidden = !facets.some((facet) => facet.name === name);
  }

  /** What the menus say, not the state: that may not know of the last tick yet. */
  #choose(): void {
    const facets = Object.fromEntries([...this.#menus].map(([name, menu]) => [name, menu.ticked]));
    this.source.show({ facets }).catch(this.failed);
  }
}

interface Box {
  label: HTMLElement;
  box: HTMLInputElement;
  text: HTMLElement;
  count: HTMLElement;
}

class FacetMenu {
  readonly element: HTMLDetailsElement;
  readonly #summary = h("summary");
  readonly #list = h("div", { class: "ft-menu-list", role: "group" });
  readonly #more = h("button", { type: "button", class: "ft-link" });
  readonly #boxes = new Map<string, Box>();
  #all: Facet | null = null; // once the reader has asked for more values

  constructor(
    private readonly name: FacetName,
    private readonly source: DataSource,
    private readonly choose: () => void,
    private readonly failed: (error: unknown) => void,
  ) {
    this.#list.setAttribute("aria-label", t(TITLES[name]));
    const menu = h("div", { class: "ft-menu" }, this.#list, this.#more);
    this.element = h("details", { class: "ft-dropdown" }, this.#summary, menu);
    this.#more.addEventListener("click", () => void this.#showAll());
    this.element.addEventListener("toggle", () => {
      if (!this.element.open) this.#all = null;
    });
  }

  update(facet: Facet): void {
    const chosen = facet.values.filter((one) => one.chosen);
    const first = chosen[0];
    const told = chosen.length > 1 ? t("%1 of them", number(chosen.length)) : (first?.label ?? "");
    this.#summary.replaceChildren(t(TITLES[this.name]), told && h("b", {}, `: ${told}`));
    this.#summary.classList.toggle("ft-on", chosen.length > 0);
    const counts = new Map(facet.values.map((one) => [one.value, one]));
    const values =
      this.#all?.values.map((one) => counts.get(one.value) ?? { ...one, chosen: false }) ??
      facet.values;
    this.#list.classList.toggle("ft-many", values.length > 12);
    this.#draw(values);
    this.#more.hidden = this.#all !== null || facet.more === 0;
    this.#more.textContent = t("%1 more…", number(facet.more));
  }

  async #showAll(): Promise<void> {
    this.#all = await this.source.facets(this.name).catch((error: unknown) => {
      this.failed(error);
      return null;
    });
    if (this.#all) this.#draw(this.#all.values);
    this.#more.hidden = this.#all !== null;
  }

  /** In place: what the reader is about to click stays where it is. */
  #draw(values: FacetValue[]): void {
    const wanted = new Set(values.map((one) => one.value));
    for (const [value, { label }] of this.#boxes) {
      if (wanted.has(value)) continue;
      label.remove();
      this.#boxes.delete(value);
    }
    for (const value of values) {
      const known = this.#boxes.get(value.value) ?? this.#add(value);
      known.box.checked = value.chosen;
      known.text.textContent = known.text.title = value.label || "(none)";
      known.count.textContent = number(value.count);
      if (!this.element.open) this.#list.append(known.label); // the order of now
    }
  }

  get ticked(): string[] {
    return [...this.#boxes].flatMap(([value, { box }]) => (box.checked ? [value] : []));
  }

  #add(value: FacetValue): Box {
    const box = h("input", { type: "checkbox" });
    const [text, count] = [h("span"), h("small")];
    const label = h("label", {}, box, text, count);
    box.addEventListener("change", () => this.choose());
    const made = { label, box, text, count };
    this.#boxes.set(value.value, made);
    this.#list.append(label);
    return made;
  }
}
