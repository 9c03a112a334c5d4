import { h, number } from "./dom.js";
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
  readonly element = h("div", { class: "ft-facets", role: "group", "aria-label": "Filters" });
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
        menu = new FacetMenu(facet.name, this.source, (values) => this.#choose(facet.name, values));
        this.#menus.set(facet.name, menu);
        this.element.append(menu.element);
      }
      menu.update(facet);
    }
    for (const [name, menu] of this.#menus)
      menu.element.hidden = !facets.some((facet) => facet.name === name);
  }

  #chosen(): Partial<Record<FacetName, string[]>> {
    return Object.fromEntries(
      this.source.state.facets.map(({ name, values }) => [
        name,
        values.filter((one) => one.chosen).map((one) => one.value),
      ]),
    );
  }

  #choose(name: FacetName, values: string[]): void {
    const facets = { ...this.#chosen(), [name]: values };
    this.source.show({ facets }).catch(this.failed);
  }
}

class FacetMenu {
  readonly element: HTMLDetailsElement;
  readonly #summary = h("summary");
  readonly #list = h("div", { class: "ft-menu-list", role: "group" });
  readonly #more = h("button", { type: "button", class: "ft-link" });
  readonly #boxes = new Map<string, { label: HTMLElement; box: HTMLInputElement; count: Text }>();
  #all: Facet | null = null; // once the reader has asked for more values

  constructor(
    private readonly name: FacetName,
    private readonly source: DataSource,
    private readonly choose: (values: string[]) => void,
  ) {
    this.#list.setAttribute("aria-label", TITLES[name]);
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
    const told = chosen.length > 1 ? `${number(chosen.length)} of them` : (first?.label ?? "");
    this.#summary.replaceChildren(TITLES[this.name], told && h("b", {}, `: ${told}`));
    this.#summary.classList.toggle("ft-on", chosen.length > 0);
    const counts = new Map(facet.values.map((one) => [one.value, one]));
    const values = this.#all?.values.map((one) => counts.get(one.value) ?? one) ?? facet.values;
    this.#list.classList.toggle("ft-many", values.length > 12);
    this.#draw(values);
    this.#more.hidden = this.#all !== null || facet.more === 0;
    this.#more.textContent = `${number(facet.more)} more…`;
  }

  async #showAll(): Promise<void> {
    this.#all = await this.source.facets(this.name).catch(() => null);
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
      known.count.data = number(value.count);
      if (!this.element.open) this.#list.append(known.label); // the order of now
    }
  }

  #add(value: FacetValue) {
    const box = h("input", { type: "checkbox" });
    const count = document.createTextNode("");
    const text = h("span", { title: value.label }, value.label || "(none)");
    const label = h("label", {}, box, text, h("small", {}, count));
    box.addEventListener("change", () => {
      const ticked = [...this.#boxes].filter(([, one]) => one.box.checked);
      this.choose(ticked.map(([one]) => one));
    });
    const made = { label, box, count };
    this.#boxes.set(value.value, made);
    this.#list.append(label);
    return made;
  }
}
