// @vitest-environment happy-dom
import { describe, expect, test, vi } from "vitest";
import { COLUMNS } from "../src/table/protocol.js";
import { Records } from "../src/table/records.js";
import { Session, settled } from "./fake.js";
import { aria, gridOf, grouped, press, rowsOf } from "./page.js";

const button = (element: Element, column: string) =>
  element.querySelector<HTMLElement>(`.ft-head [data-column="${column}"]`)!;
const all = (element: Element) => element.querySelector<HTMLInputElement>(".ft-head input")!;
const order = (element: Element, column: string) =>
  aria(button(element, column).parentElement!, "sort");

describe("a header", () => {
  test("says by what the table is sorted", () => {
    const { source, element } = gridOf(new Session(3));
    const sorts = () => COLUMNS.map((name) => order(element, name));
    expect(sorts()).toEqual(["descending", ...Array(6).fill("none")]);
    source.tell({ sort: "count", descending: false });
    expect(sorts()).toEqual([...Array(6).fill("none"), "ascending"]);
    expect(button(element, "count").textContent).toBe("Count ↑");
  });

  test.each([
    ["time", true],
    ["count", true],
    ["where", false],
    ["type", false],
    ["message", false],
    ["line", false],
  ])("sorts by %s, first with descending: %s, then the other way round", async (name, first) => {
    const { source, element } = gridOf(new Records([{ id: "1" }, { id: "2" }]));
    for (const descending of [first, !first, first]) {
      button(element, name).click();
      await settled();
      expect(source.state).toMatchObject({ sort: name, descending });
      expect(order(element, name)).toBe(descending ? "descending" : "ascending");
    }
  });

  test("reverses the order that the table has at first", async () => {
    const { source, element } = gridOf(new Records([{ id: "1" }, { id: "2" }]));
    button(element, "number").click();
    await settled();
    expect(source.state).toMatchObject({ sort: "number", descending: false });
  });

  test("keeps the focus when it sorts, and when newer failures arrive", async () => {
    const { source, element } = gridOf(new Session(3));
    button(element, "type").focus();
    source.tell({ sort: "type", descending: false });
    expect(document.activeElement).toBe(button(element, "type"));
    source.arrive(1);
    expect(document.activeElement).toBe(button(element, "type"));
  });

  test("tells an error of the sort", async () => {
    const { source, element, failed } = gridOf(new Session(3));
    const error = new Error("no");
    source.show.mockRejectedValueOnce(error);
    button(element, "type").click();
    await settled();
    expect(failed.mock.calls).toEqual([[error]]);
  });

  test("makes its column wider with Alt and →, step by step, and keeps the focus", () => {
    const { element } = gridOf(new Session(3));
    const width = () => element.style.getPropertyValue("--ft-columns").split(" ")[4]!;
    const least = () => parseFloat(element.style.getPropertyValue("--ft-least"));
    const before = least();
    for (const wide of [166, 182]) {
      const now = parseFloat(width());
      button(element, "type").focus();
      const header = button(element, "type").parentElement!;
      header.getBoundingClientRect = () => ({ width: now }) as DOMRect;
      press(button(element, "type"), "ArrowRight", { altKey: true });
      expect(width()).toBe(`${wide}px`);
      expect(document.activeElement).toBe(button(element, "type"));
    }
    expect(least()).toBe(before + 32);
  });

  test("is dragged by its handle for more than one move, also when failures arrive", () => {
    const { source, element } = gridOf(new Session(3));
    const handle = button(element, "type").parentElement!.querySelector(".ft-handle")!;
    (handle as HTMLElement).setPointerCapture = vi.fn();
    const at = (type: string, clientX: number) =>
      handle.dispatchEvent(new PointerEvent(type, { clientX, bubbles: true, cancelable: true }));
    at("pointerdown", 300);
    at("pointermove", 390);
    source.arrive(1);
    expect(handle.isConnected).toBe(true); // else the browser ends the drag
    at("pointermove", 400);
    expect(element.style.getPropertyValue("--ft-columns").split(" ")[4]).toBe("100px");
  });

  test("of a hidden column is gone, and so are its cells", () => {
    const { grid, element } = gridOf(new Session(3));
    grid.columns.show("where", false);
    expect(button(element, "where")).toBeNull();
    expect(element.querySelector(".ft-cell-where")).toBeNull();
    expect(element.querySelectorAll('.ft-head [role="columnheader"]')).toHaveLength(7);
    for (const one of rowsOf(element))
      expect(one.querySelectorAll('[role="gridcell"]')).toHaveLength(7);
  });
});

describe("the box of the header", () => {
  test("selects all that is shown, and nothing", async () => {
    const { source, element } = gridOf(grouped());
    all(element).click();
    await settled();
    expect(source.state.selected).toBe(6);
    expect(all(element).checked).toBe(true);
    all(element).click();
    await settled();
    expect(source.state.selected).toBe(0);
    expect(all(element).checked).toBe(false);
  });

  test.each([
    [0, 3, false, false],
    [1, 3, false, true],
    [3, 3, true, false],
    [0, 0, false, false],
  ])("with %i of %i selected is checked: %s, in between: %s", (selected, shown, yes, between) => {
    const { element } = gridOf(new Session(shown, { selected }));
    expect([all(element).checked, all(element).indeterminate]).toEqual([yes, between]);
  });

  test("shows what is selected though the kernel refused to change it", async () => {
    const { source, element } = gridOf(new Session(3));
    source.select.mockRejectedValueOnce(new Error("no"));
    all(element).click();
    await settled();
    source.tell();
    expect(all(element).checked).toBe(false);
  });

  test("keeps the focus when it is used, and when failures arrive", async () => {
    const { source, element } = gridOf(grouped());
    all(element).focus();
    all(element).click();
    await settled();
    expect(source.state.selected).toBe(6);
    expect(document.activeElement).toBe(all(element));
  });
});
