// @vitest-environment happy-dom
import { describe, expect, test, vi } from "vitest";
import type { Detail } from "../src/table/source.js";
import { Session, held, settled } from "./fake.js";
import { aria, button, failures, menu, press, rowsOf, shown, tableOf } from "./page.js";

const alert = (element: Element) => shown(element, "[role=alert] span");
const detailOf = (element: Element) => element.querySelector(".ft-detail .ft-message")?.textContent;

describe("the search", () => {
  test("asks one question at a time, and what was typed last is what is asked last", async () => {
    const { source, type } = tableOf(new Session(9));
    const answers = [held<void>(), held<void>()];
    for (const { promise } of answers) source.show.mockReturnValueOnce(promise);
    for (const text of ["a", "al", "alp", "alph"]) type(text);
    expect(source.show.mock.calls).toEqual([[{ search: "a" }]]);
    answers[0]!.resolve();
    await settled();
    expect(source.show.mock.calls.slice(1)).toEqual([[{ search: "alph" }]]);
    type("alpha");
    answers[1]!.resolve();
    await settled();
    expect(source.show.mock.calls.slice(2)).toEqual([[{ search: "alpha" }]]);
  });

  test("goes on with what was typed, though the focus is elsewhere when the answer comes", async () => {
    const { source, search, type } = tableOf(new Session(9));
    const answer = held<void>();
    source.show.mockReturnValueOnce(answer.promise);
    type("a");
    type("abc");
    press(search, "Enter");
    source.tell({ search: "a" });
    answer.resolve();
    await settled();
    expect(search.value).toBe("abc");
    expect(source.show).toHaveBeenLastCalledWith({ search: "abc" });
  });

  test("that fails says why, and the next one is asked", async () => {
    const { source, element, type } = tableOf(new Session(9));
    source.show.mockRejectedValueOnce(new Error("no"));
    type("a");
    await settled();
    expect(alert(element)).toBe("no");
    type("ab");
    await settled();
    expect(source.show).toHaveBeenLastCalledWith({ search: "ab" });
  });

  test("narrows what is shown", async () => {
    const { element, type } = tableOf(failures());
    type("ALPHA");
    await settled();
    expect(shown(element, ".ft-status")).toBe("1 of 3 failures · 1 expected");
    expect(rowsOf(element)).toHaveLength(1);
  });

  test("shows what was searched from elsewhere, but not over what is being typed", () => {
    const { source, search } = tableOf(new Session(9));
    source.tell({ search: "from a cell" });
    expect(search.value).toBe("from a cell");
    search.focus();
    search.value = "fro";
    source.tell({ search: "other" });
    expect(search.value).toBe("fro");
  });

  test.each(["ArrowDown", "Enter"])("is left for the lines with %s", (key) => {
    const { grid, search } = tableOf(new Session(9));
    search.focus();
    expect(press(search, key)).toBe(false);
    expect(document.activeElement).toBe(grid);
  });
});

describe("keys", () => {
  test("/ goes to the search, but is a letter where one types", () => {
    const { grid, search, element } = tableOf(new Session(9));
    grid.focus();
    expect(press(grid, "/")).toBe(false);
    expect(document.activeElement).toBe(search);
    expect(press(search, "/")).toBe(true);
    expect(press(element.querySelector("select")!, "/")).toBe(true);
    const box = element.querySelector<HTMLElement>("input[type=checkbox]")!;
    box.focus();
    expect(press(box, "/")).toBe(false);
    expect(document.activeElement).toBe(search);
  });

  test.each(["a", "d", "x", "Enter", "Escape", "ArrowDown", "Delete"])(
    "%s never leaves the table for the notebook",
    (key) => {
      const { element, grid, search } = tableOf(new Session(9));
      const notebook = vi.fn();
      document.body.addEventListener("keydown", notebook);
      for (const target of [grid, search, element, element.querySelector("button")!])
        press(target, key);
      document.body.removeEventListener("keydown", notebook);
      expect(notebook).not.toHaveBeenCalled();
    },
  );

  test("are the notebook's no more where the focus is in the table", () => {
    const { element, grid, search } = tableOf(new Session(9));
    expect(element.dataset["lmSuppressShortcuts"]).toBe("true");
    for (const one of [grid, search, button(element, "Clear…")]) {
      one.focus();
      expect(one.dataset["lmSuppressShortcuts"]).toBe("true");
    }
  });

  test("of the grid work on the grid only", () => {
    const { element, grid } = tableOf(new Session(9));
    expect(press(grid, "ArrowDown")).toBe(false);
    expect(press(grid, "F5")).toBe(true);
    expect(press(button(element, "Clear…"), "ArrowDown")).toBe(true);
  });
});

test("Escape closes a menu, else takes a question back, else the search, else the details", async () => {
  const { source, element, grid, search } = tableOf(new Session(9, { search: "x" }));
  rowsOf(element)[0]!.click();
  await settled();
  const columns = menu(element, "Columns");
  const box = columns.querySelector("input")!;
  button(element, "Clear…").click();
  columns.open = true;
  box.focus();
  press(box, "Escape");
  expect(columns.open).toBe(false);
  expect(document.activeElement).toBe(columns.querySelector("summary"));
  expect(shown(element, "[role=alertdialog]")).not.toBeNull();
  search.focus();
  press(search, "Escape");
  expect(shown(element, "[role=alertdialog]")).toBeNull();
  expect(document.activeElement).toBe(grid);
  search.focus();
  press(search, "Escape");
  expect([search.value, document.activeElement]).toEqual(["", grid]);
  expect(source.show).toHaveBeenLastCalledWith({ search: "" });
  source.show.mockClear();
  search.focus();
  press(search, "Escape"); // with nothing in it
  expect([source.show.mock.calls, document.activeElement]).toEqual([[], grid]);
  expect(detailOf(element)).toBe("of id-9");
  press(grid, "Escape");
  expect(detailOf(element)).toBeUndefined();
  expect(element.querySelector(".ft-opened")).toBeNull();
});

describe("details", () => {
  test("of a failure that was clicked before do not take the place of newer ones", async () => {
    const { source, element } = tableOf(new Session(9));
    const slow = held<Detail>();
    source.detail.mockReturnValueOnce(slow.promise);
    rowsOf(element)[0]!.click();
    rowsOf(element)[1]!.click();
    await settled();
    expect(detailOf(element)).toBe("of id-8");
    slow.resolve({ failure: { exception_message: "of id-9" }, json: "{}" });
    await settled();
    expect(detailOf(element)).toBe("of id-8");
  });

  test("that cannot be had say why, and close no newer ones", async () => {
    const { source, element } = tableOf(new Session(9));
    source.detail.mockRejectedValueOnce(new Error("not kept any more"));
    rowsOf(element)[0]!.click();
    await settled();
    expect(alert(element)).toBe("not kept any more");
    expect(element.querySelector(".ft-opened")).toBeNull();
    const slow = held<Detail>();
    source.detail.mockReturnValueOnce(slow.promise);
    rowsOf(element)[0]!.click();
    rowsOf(element)[1]!.click();
    slow.reject(new Error("too late"));
    await settled();
    expect(detailOf(element)).toBe("of id-8");
    expect(element.querySelectorAll(".ft-opened")).toHaveLength(1);
    expect(alert(element)).toBe("not kept any more");
  });

  test("stay, and stay marked, while newer failures arrive", async () => {
    const { source, element } = tableOf(new Session(9));
    rowsOf(element)[0]!.click();
    await settled();
    const pane = element.querySelector(".ft-detail");
    source.arrive(2);
    expect(element.querySelector(".ft-detail")).toBe(pane);
    expect(aria(element.querySelector(".ft-opened")!, "rowindex")).toBe("4");
  });

  test("close with their button, and the focus goes to the lines", async () => {
    const { element, grid } = tableOf(new Session(9));
    rowsOf(element)[0]!.click();
    await settled();
    button(element, "Close details").focus();
    button(element, "Close details").click();
    expect(detailOf(element)).toBeUndefined();
    expect(document.activeElement).toBe(grid);
  });

  test("say in the notes what they have to say", async () => {
    vi.stubGlobal("navigator", { clipboard: { writeText: async () => {} } });
    const { element } = tableOf(new Session(9));
    rowsOf(element)[0]!.click();
    await settled();
    button(element, "Copy as JSON").click();
    await settled();
    expect(shown(element, ".ft-note[role=status] span")).toBe("JSON copied");
  });
});
