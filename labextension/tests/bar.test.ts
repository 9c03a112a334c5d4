// @vitest-environment happy-dom
import { describe, expect, test, vi } from "vitest";
import { COLUMNS } from "../src/table/protocol.js";
import { Session, settled } from "./fake.js";
import { aria, button, failures, menu, resize, rowsOf, shown, tableOf } from "./page.js";

const box = (element: Element, label: string) =>
  [...element.querySelectorAll("label")]
    .find((one) => one.textContent === label)!
    .querySelector("input")!;
const headers = (element: Element) =>
  [...element.querySelectorAll<HTMLElement>(".ft-head [data-column]")].map(
    (one) => one.dataset["column"],
  );

test("the parts have names for those who do not see them", () => {
  const { element, grid, search } = tableOf(new Session(3));
  expect(aria(element, "label")).toBe("Failure table");
  expect(aria(grid, "label")).toBe("Failures");
  expect(aria(search, "label")).toBe("Search failures");
  for (const one of element.querySelectorAll("input, select, progress, [role=group]"))
    expect(one.closest("label") ?? aria(one, "label")).toBeTruthy();
});

describe("an empty table", () => {
  test("says what to do where nothing has failed yet, until something does", () => {
    const { source, element } = tableOf(new Session(0));
    expect(shown(element, ".ft-empty b")).toBe("No failures yet");
    expect(shown(element, ".ft-empty span")).toMatch(/^Run a cell/);
    expect(shown(element, ".ft-empty button")).toBeNull();
    expect(button(element, "Clear…").disabled).toBe(true);
    expect(shown(element, ".ft-status")).toBe("0 failures");
    source.arrive(1);
    expect(shown(element, ".ft-empty b")).toBeNull();
    expect(button(element, "Clear…").disabled).toBe(false);
    expect(rowsOf(element)).toHaveLength(1);
  });

  test("shows all again with its button where nothing is like what is asked for", async () => {
    const { source, element, search, type } = tableOf(failures());
    box(menu(element, "Exception"), "KeyError2").click();
    type("nothing has this");
    await settled();
    expect(shown(element, ".ft-empty b")).toBe("No failure is like that");
    expect(element.classList.contains("ft-nothing")).toBe(true);
    button(element, "Show all 3").click();
    await settled();
    expect(source.state.shown).toBe(3);
    expect(search.value).toBe("");
    expect(shown(element, ".ft-empty b")).toBeNull();
    expect(element.classList.contains("ft-nothing")).toBe(false);
  });

  test("says why where all cannot be shown again", async () => {
    const { source, element } = tableOf(new Session(9, { shown: 0, lines: 0, query: "line > 3" }));
    source.show.mockRejectedValueOnce(new Error("no"));
    button(element, "Show all 9").click();
    expect(source.show.mock.calls).toEqual([[{ search: "", query: "", facets: {} }]]);
    await settled();
    expect(shown(element, "[role=alert] span")).toBe("no");
  });
});

describe("a filter that was set in Python", () => {
  test("is shown as text, and can be removed", () => {
    const query = 'message == "<b>"';
    const { source, element } = tableOf(new Session(9, { query }));
    expect(shown(element, ".ft-query code")).toBe(query);
    button(element, "Remove this filter").click();
    expect(source.show.mock.calls).toEqual([[{ query: "" }]]);
    source.tell({ query: "" });
    expect(shown(element, ".ft-query code")).toBeNull();
  });

  test("keeps its button, and the focus on it, while failures arrive", () => {
    const { source, element } = tableOf(new Session(9, { query: "line > 3" }));
    const remove = button(element, "Remove this filter");
    remove.focus();
    source.arrive(1);
    expect(button(element, "Remove this filter")).toBe(remove);
    expect(document.activeElement).toBe(remove);
  });
});

test("equal failures are grouped or not, as the reader ticks and as the state says", async () => {
  const { source, element } = tableOf(failures());
  const grouped = box(element, "Group equal ones");
  expect([grouped.checked, rowsOf(element).length]).toEqual([true, 2]);
  grouped.click();
  await settled();
  expect([source.state.grouped, rowsOf(element).length]).toEqual([false, 3]);
  await source.show({ grouped: true });
  expect(grouped.checked).toBe(true);
});

describe("the status", () => {
  test.each([
    [{}, "9 failures"],
    [{ shown: 4, lines: 4 }, "4 of 9 failures"],
    [{ lines: 1 }, "9 failures · 1 line"],
    [{ lines: 2, grouped: false }, "9 failures"],
    [
      { selected: 2, expected: 1, dropped: 1 },
      "9 failures · 2 selected · 1 expected · 1 older one dropped",
    ],
    [{ dropped: 3 }, "9 failures · 3 older ones dropped"],
  ])("with %j is “%s”", (more, text) => {
    const { element } = tableOf(new Session(9, more));
    expect(shown(element, ".ft-status")).toBe(text);
    expect(aria(element.querySelector(".ft-status")!, "live") ?? "role").toBe("role");
    expect(element.querySelector(".ft-status")!.getAttribute("role")).toBe("status");
  });
});

describe("clear", () => {
  test("asks, forgets, and gives the focus back to the lines", async () => {
    const { source, element, grid } = tableOf(new Session(9));
    button(element, "Clear…").click();
    expect(document.activeElement).toBe(button(element, "Keep them"));
    expect(source.clear).not.toHaveBeenCalled();
    button(element, "Forget them").click();
    await settled();
    expect(source.clear).toHaveBeenCalledTimes(1);
    expect(document.activeElement).toBe(grid);
  });

  test("is not offered where there is no kernel to do it", () => {
    expect(button(tableOf(failures()).element, "Clear…").hidden).toBe(true);
    expect(button(tableOf(new Session(3)).element, "Clear…").hidden).toBe(false);
  });
});

describe("columns", () => {
  const titles = ["#", "Time", "Where", "Exception", "Message", "Line", "Count"];

  test("are shown and hidden in their menu, which says what is shown now", () => {
    const { element } = tableOf(new Session(3));
    const columns = menu(element, "Columns");
    columns.open = true;
    expect([...columns.querySelectorAll("label")].map((one) => one.textContent)).toEqual(titles);
    box(columns, "Line").click();
    expect(headers(element)).toEqual(COLUMNS.filter((name) => name !== "line"));
    box(columns, "Line").click();
    expect(headers(element)).toEqual([...COLUMNS]);
  });

  test("that there is no room for are hidden, unless they are asked for", () => {
    const { element } = tableOf(new Session(3));
    const columns = menu(element, "Columns");
    resize(element, 400);
    expect(headers(element)).toEqual(["where", "type", "message", "count"]);
    columns.open = true;
    const ticked = () => titles.filter((title) => box(columns, title).checked);
    expect(ticked()).toEqual(["Where", "Exception", "Message", "Count"]);
    box(columns, "Line").click();
    expect(headers(element)).toEqual(["where", "type", "message", "line", "count"]);
    button(columns, "As at first").click();
    expect(headers(element)).toEqual(["where", "type", "message", "count"]);
    expect(ticked()).toEqual(["Where", "Exception", "Message", "Count"]);
  });
});

describe("a menu", () => {
  test("closes with a press elsewhere, in the table or not, not with one in it", () => {
    const { element, grid } = tableOf(failures());
    const press = (where: Element) =>
      where.dispatchEvent(new PointerEvent("pointerdown", { bubbles: true }));
    const [columns, types] = [menu(element, "Columns"), menu(element, "Exception")];
    columns.open = true;
    press(columns.querySelector("input")!);
    expect(columns.open).toBe(true);
    types.open = true;
    press(types.querySelector("input")!);
    expect([columns.open, types.open]).toEqual([false, true]);
    press(grid);
    expect(types.open).toBe(false);
    types.open = true;
    press(document.body);
    expect(types.open).toBe(false);
  });

  test("closes when the focus goes elsewhere in the table, not when it moves in it", () => {
    const { element, grid } = tableOf(new Session(3));
    const columns = menu(element, "Columns");
    columns.open = true;
    const [one, other] = columns.querySelectorAll("input");
    const leave = (to: Element | null) =>
      one!.dispatchEvent(new FocusEvent("focusout", { bubbles: true, relatedTarget: to }));
    leave(other!);
    leave(null); // the window has lost the focus
    expect(columns.open).toBe(true);
    leave(grid);
    expect(columns.open).toBe(false);
  });
});

test("an error that the lines, the filters or the export meet is an alert", async () => {
  const { source, element } = tableOf(new Session(3));
  source.export.mockRejectedValueOnce(new Error("no space left"));
  element.querySelector<HTMLElement>("[data-format]")!.click();
  await settled();
  expect(shown(element, "[role=alert] span")).toBe("no space left");
  source.select.mockRejectedValueOnce(new Error("gone"));
  element.querySelector<HTMLElement>(".ft-row input")!.click();
  await settled();
  expect(shown(element, "[role=alert] span")).toBe("gone");
});

test("an export that is done is a status", async () => {
  const { source, element } = tableOf(new Session(3));
  source.export.mockResolvedValueOnce({ filename: "r.json", path: "/nb/r.json" });
  element.querySelector<HTMLElement>("[data-format]")!.click();
  await settled();
  expect(shown(element, ".ft-note[role=status] span")).toBe("3 failures written to /nb/r.json.");
});

test("dispose takes the table from the page, and nothing reaches it any more", () => {
  const { source, table, element } = tableOf(new Session(3));
  expect(source.listeners.size).toBe(1);
  expect(resize(element, 900)).toBe(true);
  const update = vi.spyOn(table, "update");
  table.dispose();
  expect(element.isConnected).toBe(false);
  expect(source.listeners.size).toBe(0);
  expect(resize(element, 800)).toBe(false);
  source.arrive(1);
  expect(update).not.toHaveBeenCalled();
});
