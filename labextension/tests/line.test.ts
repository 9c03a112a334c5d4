// @vitest-environment happy-dom
import { describe, expect, test } from "vitest";
import { Records } from "../src/table/records.js";
import { Session, row, settled } from "./fake.js";
import { aria, gridOf, grouped, numbers, rowsOf } from "./page.js";

describe("a line", () => {
  test("stays the same element while failures come in above, so that clicks on it count", () => {
    const { source, element } = gridOf(new Session(100));
    const [first, second] = rowsOf(element);
    source.arrive(2);
    expect(rowsOf(element).slice(2, 4)).toEqual([first, second]);
    expect(rowsOf(element)[2]).toBe(first);
    expect(aria(first!, "rowindex")).toBe("4");
    expect(numbers(element).slice(0, 4)).toEqual(["102", "101", "100", "99"]);
  });

  test("is drawn anew where it says something else", () => {
    const { source, element } = gridOf(new Session(2));
    source.tell({ rows: [row(2, { message: "another" }), row(1, { expected: true })] });
    expect(rowsOf(element)[0]!.textContent).toContain("another");
    expect(rowsOf(element)[1]!.classList.contains("ft-expected")).toBe(true);
    source.tell({ rows: [row(2), row(1)] });
    expect(rowsOf(element)[0]!.textContent).not.toContain("another");
    expect(rowsOf(element)[1]!.classList.contains("ft-expected")).toBe(false);
  });
});

describe("the box of a line", () => {
  const boxes = (element: Element) =>
    rowsOf(element).map((one) => one.querySelector<HTMLInputElement>("input")!);

  test("shows what is selected, whatever a click did to it", async () => {
    const { source, element } = gridOf(
      new Records([3, 2, 1].map((n) => ({ exception_message: `of ${n}` }))),
    );
    const click = async (place: number, shiftKey = false) => {
      boxes(element)[place]!.dispatchEvent(
        new MouseEvent("click", { bubbles: true, cancelable: true, shiftKey }),
      );
      await settled();
      return boxes(element).map((box) => box.checked);
    };
    expect(await click(0)).toEqual([true, false, false]);
    expect(await click(1, true)).toEqual([true, true, false]);
    expect(await click(1, true)).toEqual([true, true, false]); // the same range again
    expect(source.state.selected).toBe(2);
    expect(await click(0)).toEqual([false, true, false]);
  });

  test("shows what is selected though the kernel refused to change it", async () => {
    const { source, element } = gridOf(new Session(3));
    source.select.mockRejectedValueOnce(new Error("no"));
    boxes(element)[1]!.click();
    await settled();
    source.tell();
    expect(boxes(element)[1]!.checked).toBe(false);
  });
});

test("a group tells how many equal failures its toggle shows or hides", async () => {
  const { source, element } = gridOf(grouped());
  const toggles = () => [...element.querySelectorAll<HTMLElement>(".ft-toggle")];
  expect(toggles().map((one) => [one.textContent, one.title])).toEqual([
    ["▸ 5", "Show the 5 equal failures"],
  ]);
  await source.show({ toggle: "g0" });
  expect(toggles().map((one) => [one.textContent, one.title])).toEqual([
    ["▾ 5", "Hide the 5 equal failures"],
  ]);
});

test("a cell has its whole text where there is no room for it, and every second line a shade", () => {
  const { source, element } = gridOf(new Session(3));
  source.tell({ rows: [row(3, { message: "a long message" }), row(2), row(1)] });
  expect(rowsOf(element)).toHaveLength(3);
  expect(element.querySelector<HTMLElement>(".ft-row .ft-cell-message")!.title).toBe(
    "a long message",
  );
  expect(rowsOf(element).map((one) => one.classList.contains("ft-odd"))).toEqual([
    false,
    true,
    false,
  ]);
  expect(rowsOf(element).map((one) => aria(one.querySelector("input")!, "label"))).toEqual([
    "Select failure 3",
    "Select failure 2",
    "Select failure 1",
  ]);
});
