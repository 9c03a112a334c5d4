// @vitest-environment happy-dom
import { describe, expect, test, vi } from "vitest";
import { Facets } from "../src/table/facets.js";
import type { Facet, FacetValue } from "../src/table/protocol.js";
import { Records } from "../src/table/records.js";
import type { DataSource } from "../src/table/source.js";
import { Session, held, settled } from "./fake.js";
import { aria, menu } from "./page.js";

function facetsOf<S extends DataSource>(source: S) {
  const failed = vi.fn<(error: unknown) => void>();
  const facets = new Facets(source, failed);
  document.body.append(facets.element);
  source.subscribe(() => facets.update());
  facets.update();
  return { source, element: facets.element, failed };
}

const value = (name: string, count = 1, more: Partial<FacetValue> = {}): FacetValue => ({
  value: name,
  label: name,
  count,
  chosen: false,
  ...more,
});
const facet = (name: Facet["name"], values: FacetValue[], more = 0): Facet => ({
  name,
  values,
  more,
});

const labels = (one: Element) => [...one.querySelectorAll("label")];
const listed = (one: Element) =>
  labels(one).map(
    (label) =>
      `${label.querySelector("span")!.textContent} ${label.querySelector("small")!.textContent}`,
  );
const box = (one: Element, name: string) =>
  labels(one)
    .find((label) => label.querySelector("span")!.textContent === name)!
    .querySelector("input")!;
const ticked = (one: Element) =>
  labels(one)
    .filter((label) => label.querySelector("input")!.checked)
    .map((label) => label.querySelector("span")!.textContent);

async function tick(one: Element, name: string): Promise<void> {
  box(one, name).click();
  await settled();
}

const failures = () =>
  new Records([
    { exception_type: "ValueError", thread_name: "MainThread" },
    { exception_type: "ValueError", thread_name: "worker" },
    { exception_type: "KeyError", thread_name: "worker" },
    { exception_type: "OSError", thread_name: "MainThread" },
  ]);

describe("the menus", () => {
  test("are there for what failures have, and list the values with their counts", () => {
    const { element } = facetsOf(failures());
    expect([...element.querySelectorAll("summary")].map((one) => one.textContent)).toEqual([
      "Exception",
      "Thread",
    ]);
    expect(listed(menu(element, "Exception"))).toEqual(["ValueError 2", "KeyError 1", "OSError 1"]);
    expect(aria(menu(element, "Thread").querySelector("[role=group]")!, "label")).toBe("Thread");
  });

  test("are hidden while there is nothing to choose, and come back", () => {
    const { source, element } = facetsOf(new Session(3));
    expect(element.children).toHaveLength(0);
    source.tell({ facets: [facet("tag", [value("slow")])] });
    expect(menu(element, "Tag").hidden).toBe(false);
    source.tell({ facets: [] });
    expect(menu(element, "Tag").hidden).toBe(true);
    source.tell({ facets: [facet("tag", [value("slow")])] });
    expect(menu(element, "Tag").hidden).toBe(false);
    expect(element.children).toHaveLength(1);
  });

  test("show values as text, the empty one by a word, and many of them in a list that scrolls", () => {
    const nasty = "<img src=x>";
    const many = Array.from({ length: 13 }, (_, n) => value(`v${n}`));
    const { element } = facetsOf(
      new Session(3, { facets: [facet("type", [value(nasty), value("")]), facet("tag", many)] }),
    );
    expect(listed(menu(element, "Exception"))).toEqual([`${nasty} 1`, "(none) 1"]);
    expect(element.querySelector("img")).toBeNull();
    expect(element.querySelectorAll(".ft-many")).toHaveLength(1);
  });

  test("tell in short what is ticked", async () => {
    const { element } = facetsOf(failures());
    const summary = menu(element, "Exception").querySelector("summary")!;
    await tick(menu(element, "Exception"), "KeyError");
    expect(summary.textContent).toBe("Exception: KeyError");
    expect(summary.classList.contains("ft-on")).toBe(true);
    await tick(menu(element, "Exception"), "OSError");
    expect(summary.textContent).toBe("Exception: 2 of them");
    await tick(menu(element, "Exception"), "OSError");
    await tick(menu(element, "Exception"), "KeyError");
    expect(summary.textContent).toBe("Exception");
    expect(summary.classList.contains("ft-on")).toBe(false);
  });
});

describe("ticks", () => {
  test("of one facet widen what is shown, those of another narrow it", async () => {
    const { source, element } = facetsOf(failures());
    await tick(menu(element, "Exception"), "ValueError");
    expect(source.state.shown).toBe(2);
    await tick(menu(element, "Exception"), "KeyError");
    expect(source.state.shown).toBe(3);
    await tick(menu(element, "Thread"), "worker");
    expect(source.state.shown).toBe(2);
    expect(listed(menu(element, "Exception"))).toEqual(["KeyError 1", "ValueError 1"]);
    await tick(menu(element, "Thread"), "worker");
    await tick(menu(element, "Exception"), "ValueError");
    expect(source.state.shown).toBe(1);
  });

  test("stay to be seen, and to be taken back, where nothing has the value any more", async () => {
    const { source, element } = facetsOf(failures());
    await tick(menu(element, "Exception"), "KeyError");
    await source.show({ search: "MainThread" });
    expect(listed(menu(element, "Exception"))).toContain("KeyError 0");
    expect(ticked(menu(element, "Exception"))).toEqual(["KeyError"]);
    await tick(menu(element, "Exception"), "KeyError");
    expect(source.state.shown).toBe(2);
  });

  test("in two facets are both kept, though the first is not answered yet", async () => {
    const { source, element } = facetsOf(
      new Session(9, {
        facets: [facet("type", [value("A"), value("B")]), facet("thread", [value("main")])],
      }),
    );
    source.show.mockReturnValue(new Promise(() => {}));
    await tick(menu(element, "Exception"), "A");
    await tick(menu(element, "Exception"), "B");
    await tick(menu(element, "Thread"), "main");
    expect(source.show.mock.calls.at(-1)![0].facets).toMatchObject({
      type: ["A", "B"],
      thread: ["main"],
    });
  });

  test("that the kernel refuses are told", async () => {
    const { source, element, failed } = facetsOf(
      new Session(9, { facets: [facet("type", [value("A")])] }),
    );
    const error = new Error("no");
    source.show.mockRejectedValueOnce(error);
    await tick(menu(element, "Exception"), "A");
    expect(failed.mock.calls).toEqual([[error]]);
  });
});

describe("while a menu is open", () => {
  const opened = (values: FacetValue[]) => {
    const { source, element } = facetsOf(new Session(9, { facets: [facet("cell", values)] }));
    const cells = menu(element, "Cell");
    cells.open = true;
    return { source, cells };
  };

  test("its boxes stay the same elements, in the same order", async () => {
    const { source, cells } = opened([value("A", 3), value("B", 2)]);
    const before = [box(cells, "A"), box(cells, "B")];
    box(cells, "A").focus();
    source.tell({ facets: [facet("cell", [value("B", 9), value("C", 5), value("A", 3)])] });
    expect([box(cells, "A"), box(cells, "B")]).toEqual(before);
    expect(box(cells, "A")).toBe(before[0]);
    expect(document.activeElement).toBe(before[0]);
    expect(listed(cells)).toEqual(["A 3", "B 9", "C 5"]);
    cells.open = false;
    source.tell();
    expect(listed(cells)).toEqual(["B 9", "C 5", "A 3"]);
  });

  test("values that nothing has any more go", () => {
    const { source, cells } = opened([value("A"), value("B")]);
    source.tell({ facets: [facet("cell", [value("B")])] });
    expect(listed(cells)).toEqual(["B 1"]);
  });

  test("a cell that ran again is called what it is called now", () => {
    const { source, cells } = opened([value("id", 1, { label: "In[3]" })]);
    source.tell({ facets: [facet("cell", [value("id", 2, { label: "In[7]" })])] });
    expect(listed(cells)).toEqual(["In[7] 2"]);
    expect(cells.querySelector<HTMLElement>("label span")!.title).toBe("In[7]");
  });
});

describe("n more…", () => {
  const all = ["A", "B", "C", "D"];
  function long() {
    const first = [value("A", 4), value("B", 3)];
    const made = facetsOf(new Session(9, { facets: [facet("type", first, 2)] }));
    const { source } = made;
    source.facets.mockImplementation(async () =>
      facet(
        "type",
        all.map((name) => value(name, 1, { chosen: name === chosen })),
      ),
    );
    let chosen = "";
    source.show.mockImplementation(async ({ facets }) => {
      [chosen = ""] = facets!.type!;
      const kept = chosen && !first.some((one) => one.value === chosen);
      const more = kept ? [value(chosen, 1, { chosen: true })] : [];
      source.tell({ facets: [facet("type", [...first, ...more], 2 - more.length)] });
    });
    const types = menu(made.element, "Exception");
    types.open = true;
    return { ...made, types, more: types.querySelector<HTMLElement>(".ft-link")! };
  }

  test("lists them all until the menu is closed", async () => {
    const { source, types, more } = long();
    expect(more.textContent).toBe("2 more…");
    more.click();
    await settled();
    expect(source.facets.mock.calls).toEqual([["type"]]);
    expect(labels(types)).toHaveLength(4);
    expect(more.hidden).toBe(true);
    source.tell();
    expect(labels(types)).toHaveLength(4);
    types.open = false;
    source.tell();
    expect(listed(types)).toEqual(["A 4", "B 3"]);
    expect(more.hidden).toBe(false);
  });

  test("is not there where there are no more", () => {
    const { element } = facetsOf(failures());
    expect(menu(element, "Exception").querySelector<HTMLElement>(".ft-link")!.hidden).toBe(true);
  });

  test("has values that can be ticked and unticked, also after the menu was closed", async () => {
    const { source, types, more } = long();
    more.click();
    await settled();
    await tick(types, "D");
    expect(ticked(types)).toEqual(["D"]);
    types.open = false;
    source.tell();
    expect(ticked(types)).toEqual(["D"]);
    types.open = true;
    more.click();
    await settled();
    await tick(types, "D");
    expect(source.show.mock.calls.at(-1)![0].facets!.type).toEqual([]);
    expect(ticked(types)).toEqual([]);
  });

  test("tells where they cannot be had, and can be asked again", async () => {
    const { source, types, more, failed } = long();
    const answer = held<Facet>();
    source.facets.mockReturnValueOnce(answer.promise);
    more.click();
    const error = new Error("the kernel is gone");
    answer.reject(error);
    await settled();
    expect(failed.mock.calls).toEqual([[error]]);
    expect(more.hidden).toBe(false);
    more.click();
    await settled();
    expect(labels(types)).toHaveLength(4);
  });
});
