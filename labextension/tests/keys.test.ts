// @vitest-environment happy-dom
import { describe, expect, test } from "vitest";
import type { Row } from "../src/table/protocol.js";
import { Records } from "../src/table/records.js";
import type { DataSource } from "../src/table/source.js";
import { Session, eventually, settled } from "./fake.js";
import { LINE, aria, currentOf, gridOf, grouped, numberIn, numbers, rowsOf } from "./page.js";

const selected = (source: DataSource) =>
  source.state.rows.filter((row) => row.selected === "all").map((row) => row.number);

const pages = (total: number) =>
  new Records(
    Array.from({ length: total }, (_, n) => ({ id: `id-${n + 1}`, exception_message: `of ${n}` })),
  );

/** Clicks what `selector` finds on the line of the failure with this number. */
async function click(
  element: HTMLElement,
  number: number,
  selector = ".ft-cell-message",
  more: MouseEventInit = {},
): Promise<void> {
  const line = rowsOf(element).find((one) => numberIn(one) === String(number))!;
  const target = line.querySelector<HTMLElement>(selector)!;
  target.dispatchEvent(new MouseEvent("click", { bubbles: true, cancelable: true, ...more }));
  await settled();
}

describe("keys that move", () => {
  test("go by a line, by a page, and to both ends, where they stop", async () => {
    const { element, key } = gridOf(new Session(1000));
    const at = async (name: string) => {
      expect(await key(name)).toBe(true);
      await eventually(() => expect(numberIn(currentOf(element))).toBeDefined());
      expect(aria(element, "activedescendant")).toBe(currentOf(element).id);
      return aria(currentOf(element), "rowindex");
    };
    expect(await at("ArrowUp")).toBe("2");
    expect(await at("ArrowDown")).toBe("3");
    expect(await at("PageDown")).toBe("12");
    expect(await at("PageDown")).toBe("21");
    expect(await at("PageUp")).toBe("12");
    expect(await at("ArrowUp")).toBe("11");
    expect(await at("End")).toBe("1001");
    expect(await at("ArrowDown")).toBe("1001");
    expect(await at("Home")).toBe("2");
  });

  test("keep the current line in view, and scroll no more than it takes", async () => {
    const { element, key } = gridOf(new Session(1000));
    for (let n = 0; n < 9; n += 1) await key("ArrowDown");
    expect(element.scrollTop).toBe(0);
    await key("ArrowDown");
    expect(element.scrollTop).toBe(LINE);
    for (let n = 0; n < 9; n += 1) await key("ArrowUp");
    expect(element.scrollTop).toBe(LINE);
    await key("ArrowUp");
    expect(element.scrollTop).toBe(0);
    await key("End");
    expect(element.scrollTop).toBe(990 * LINE);
  });

  test("name an element that is there, though its line is on its way", async () => {
    const { source, element, key } = gridOf(new Session(1000));
    source.window.mockReturnValue(new Promise(() => {}));
    await key("End");
    const active = aria(element, "activedescendant");
    expect(active === null || document.getElementById(active)).toBeTruthy();
  });

  test("name nothing while the current line is out of view", async () => {
    const { element } = gridOf(new Session(1000));
    element.scrollTop = 500 * LINE;
    await eventually(() => expect(aria(element, "activedescendant")).toBeNull());
    element.scrollTop = 0;
    await eventually(() => expect(aria(element, "activedescendant")).not.toBeNull());
  });
});

test("Enter opens the current line, and other keys are not the grid's", async () => {
  const { key, open } = gridOf(new Session(10));
  await key("ArrowDown");
  expect(await key("Enter")).toBe(true);
  expect(open.mock.calls.map(([row]) => row.id)).toEqual(["id-9"]);
  for (const name of ["x", "Tab", "Escape", "a", "ArrowLeft"]) expect(await key(name)).toBe(false);
});

describe("groups", () => {
  test("open with → and close with ←, and the current line stays on them", async () => {
    const { element, key } = gridOf(grouped());
    expect(numbers(element)).toEqual(["6", "5"]);
    await key("ArrowDown");
    await key("ArrowRight");
    expect(numbers(element)).toEqual(["6", "5", "5", "4", "3", "2", "1"]);
    expect(aria(currentOf(element), "expanded")).toBe("true");
    await key("ArrowLeft");
    expect(numbers(element)).toEqual(["6", "5"]);
    expect(aria(currentOf(element), "expanded")).toBe("false");
    expect(await key("ArrowLeft")).toBe(false);
  });

  test("are gone to with ← from any member", async () => {
    const { element, key } = gridOf(grouped());
    await key("ArrowDown");
    await key("ArrowRight");
    await key("End");
    expect(aria(currentOf(element), "level")).toBe("2");
    await key("ArrowLeft");
    expect(aria(currentOf(element), "rowindex")).toBe("3");
    expect(aria(currentOf(element), "level")).toBe("1");
  });

  test("are gone to with ← from a member however far away", async () => {
    const source = new Records(Array(1000).fill({ exception_message: "equal" }));
    const { element, key } = gridOf(source);
    await key("ArrowRight");
    await key("End");
    await eventually(() => expect(aria(currentOf(element), "level")).toBe("2"));
    await key("ArrowLeft");
    await eventually(() => expect(aria(currentOf(element), "rowindex")).toBe("2"));
    expect(element.scrollTop).toBe(0);
  });

  test("are none where a line stands for one failure", async () => {
    const source = new Session(10);
    const { key } = gridOf(source);
    await key("ArrowRight");
    expect(source.show).not.toHaveBeenCalled();
  });
});

describe("keys that select", () => {
  test("Space selects the current line, and again not", async () => {
    const { source, key } = gridOf(pages(10));
    await key(" ");
    await key("ArrowDown");
    await key(" ");
    expect(selected(source)).toEqual([10, 9]);
    await key(" ");
    expect(selected(source)).toEqual([10]);
  });

  test("Space on a group selects what it stands for, also where some are selected", async () => {
    const { source, key } = gridOf(grouped());
    await source.select("only", ["g0"]);
    await key("ArrowDown");
    await key(" ");
    expect(source.state.selected).toBe(0);
    await source.show({ toggle: "g0" });
    await source.select("only", ["f2"]);
    await key(" ");
    expect(source.state.selected).toBe(5);
  });

  test("Shift and an arrow select from where they began, back and forth", async () => {
    const { source, key } = gridOf(pages(10));
    await key("ArrowDown");
    await key("ArrowDown", { shiftKey: true });
    await key("ArrowDown", { shiftKey: true });
    expect(selected(source)).toEqual([9, 8, 7]);
    await key("ArrowUp", { shiftKey: true });
    expect(selected(source)).toEqual([9, 8]);
    await key("Home", { shiftKey: true });
    expect(selected(source)).toEqual([10, 9]);
    await key("ArrowDown");
    await key("End", { shiftKey: true });
    expect(selected(source)).toEqual([9, 8, 7, 6, 5, 4, 3, 2, 1]);
  });

  test.each([{ ctrlKey: true }, { metaKey: true }])("A with %j selects all", async (more) => {
    const { source, key } = gridOf(pages(200));
    expect(await key("a", more)).toBe(true);
    expect(source.state.selected).toBe(200);
  });
});

describe("a click", () => {
  test("on a line opens it and makes it the current one", async () => {
    const { element, open } = gridOf(pages(10));
    await click(element, 7);
    expect(open.mock.calls.map(([row]: [Row]) => row.number)).toEqual([7]);
    expect(numberIn(currentOf(element))).toBe("7");
    expect(element.scrollTop).toBe(0);
  });

  test("on a group's count opens the group, not its details", async () => {
    const { element, open } = gridOf(grouped());
    await click(element, 5, ".ft-toggle");
    expect(rowsOf(element)).toHaveLength(7);
    expect(open).not.toHaveBeenCalled();
  });

  test("on its box, or with Ctrl or ⌘, selects the line", async () => {
    const { source, element, open } = gridOf(pages(10));
    await click(element, 7, "input");
    await click(element, 5, ".ft-cell-message", { ctrlKey: true });
    await click(element, 3, ".ft-cell-message", { metaKey: true });
    expect(selected(source)).toEqual([7, 5, 3]);
    await click(element, 7, "input");
    expect(selected(source)).toEqual([5, 3]);
    expect(open).not.toHaveBeenCalled();
  });

  test("with Shift selects from the line that was selected last", async () => {
    const { source, element, open } = gridOf(pages(10));
    await click(element, 7, "input");
    await click(element, 4, ".ft-cell-message", { shiftKey: true });
    expect(selected(source)).toEqual([7, 6, 5, 4]);
    await click(element, 9, "input", { shiftKey: true });
    expect(selected(source)).toEqual([9, 8, 7]);
    expect(open).not.toHaveBeenCalled();
  });

  test("with Shift selects from the line that was clicked before", async () => {
    const { source, element } = gridOf(pages(10));
    await click(element, 9, "input");
    await click(element, 7);
    await click(element, 5, ".ft-cell-message", { shiftKey: true });
    expect(selected(source)).toEqual([7, 6, 5]);
  });

  test("that the kernel refuses is told", async () => {
    const { source, element, failed } = gridOf(new Session(10));
    const error = new Error("no");
    source.select.mockRejectedValueOnce(error);
    await click(element, 7, "input");
    expect(failed.mock.calls).toEqual([[error]]);
  });
});
