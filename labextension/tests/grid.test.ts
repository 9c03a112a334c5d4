// @vitest-environment happy-dom
import { describe, expect, test } from "vitest";
import { Records } from "../src/table/records.js";
import type { Window } from "../src/table/source.js";
import { Session, eventually, held, row, settled } from "./fake.js";
import { LINE, aria, currentOf, gridOf, grouped, numberIn, rowsOf, scroll } from "./page.js";

/** The numbers of the failures on the lines that a reader sees. */
function inView(element: HTMLElement): (string | undefined)[] {
  const rows = rowsOf(element);
  const start = /translateY\((.*)px\)/.exec(
    element.querySelector<HTMLElement>(".ft-rows")!.style.transform,
  )![1];
  const top = Number(start) - element.scrollTop;
  const room = element.clientHeight - LINE;
  return rows
    .filter((_, place) => top + place * LINE > -1 && top + (place + 1) * LINE < room + 1)
    .map((one) => numberIn(one));
}
const seen = (from: number) => Array.from({ length: 10 }, (_, place) => String(from - place));

describe("the page", () => {
  test.each([100, 10_000, 1_000_000])("of %i lines has those in view only", async (total) => {
    const { element } = gridOf(new Session(total));
    expect(rowsOf(element).length).toBeLessThan(20);
    expect(aria(element, "rowcount")).toBe(String(total + 1));
    element.scrollTop = 40 * LINE;
    await eventually(() => expect(inView(element)[0]).not.toBe(String(total)));
    expect(rowsOf(element).length).toBeLessThan(20);
  });

  test("says where each line is in the whole, and of which kind it is", async () => {
    const { source, element } = gridOf(grouped());
    await source.show({ toggle: "g0" });
    expect(element.getAttribute("role")).toBe("treegrid");
    expect(aria(element, "multiselectable")).toBe("true");
    expect(aria(element.querySelector(".ft-head")!, "rowindex")).toBe("1");
    const said = (one: HTMLElement) =>
      ["rowindex", "level", "expanded", "selected"].map((name) => one.getAttribute(`aria-${name}`));
    await source.select("only", ["f1"]);
    expect(rowsOf(element).map(said)).toEqual([
      ["2", "1", null, "false"],
      ["3", "1", "true", "false"],
      ["4", "2", null, "false"],
      ["5", "2", null, "false"],
      ["6", "2", null, "false"],
      ["7", "2", null, "false"],
      ["8", "2", null, "true"],
    ]);
    const boxes = rowsOf(element).map((one) => one.querySelector("input")!);
    expect(boxes.map((box) => [box.checked, box.indeterminate])).toEqual([
      ...[
        [false, false],
        [false, true],
      ], // some of the group
      ...[...Array(4).fill([false, false]), [true, false]],
    ]);
  });

  test("shows what a record says as text", () => {
    const source = new Records([{ exception_message: "<img src=x>\u202e", test_name: "<b>" }]);
    const { element } = gridOf(source);
    const [only] = rowsOf(element);
    expect(only!.querySelector("img, b")).toBeNull();
    expect(only!.textContent).toContain("<img src=x>\\u202e");
  });

  test("shows expected failures and the open one as such", () => {
    const source = new Session(3);
    const { grid, element } = gridOf(source);
    grid.openId = "id-2";
    source.tell({ rows: [row(3, { expected: true }), row(2), row(1)] });
    const marks = rowsOf(element).map((one) =>
      [...one.classList].filter((name) => /ex|op/.test(name)),
    );
    expect(marks).toEqual([["ft-expected"], ["ft-opened"], []]);
  });

  test.each([49, 50, 51, 52, 53, 54, 90, 91, 1000])(
    "of %i lines ends with the oldest",
    async (n) => {
      const { element } = gridOf(new Session(n));
      await scroll(element, n - 10);
      expect(inView(element)).toEqual(seen(10));
    },
  );

  test("has the last line, too, where a block ended just before it", async () => {
    const { element } = gridOf(new Session(1000));
    await scroll(element, 1000 - 52);
    await scroll(element, 1000 - 10);
    expect(inView(element)).toEqual(seen(10));
  });

  test("shows lines that are on their way as such", async () => {
    const source = new Session(1000);
    const { element, open } = gridOf(source);
    const answer = held<Window>();
    source.window.mockReturnValueOnce(answer.promise);
    await scroll(element, 500);
    expect(rowsOf(element)[5]!.textContent).toBe("…");
    rowsOf(element)[5]!.click();
    expect(open).not.toHaveBeenCalled();
    answer.resolve({ version: 1, start: 460, lines: 1000, rows: source.rows(460, 100) });
    await eventually(() => expect(inView(element)).toEqual(seen(500)));
  });

  test("of more than 8,000,000 pixels scrolls to its very last line and back", async () => {
    const { element, key } = gridOf(new Session(1_000_000));
    expect(parseFloat(element.querySelector<HTMLElement>(".ft-sizer")!.style.height)).toBe(8e6);
    element.scrollTop = Infinity;
    await eventually(() => expect(inView(element)).toEqual(seen(10)));
    await key("Home");
    await eventually(() => expect(inView(element)).toEqual(seen(1_000_000)));
    await key("End");
    await eventually(() => expect(inView(element)).toEqual(seen(10)));
    expect(numberIn(currentOf(element))).toBe("1");
  });
});

describe("when newer failures arrive, the view stays:", () => {
  test("at the top it shows them", async () => {
    const { source, element } = gridOf(new Session(1000));
    source.arrive(3);
    expect(inView(element)).toEqual(seen(1003));
  });

  test.each([1, 20, 39, 45, 500, 980])("line %i stays where it is", async (line) => {
    const { source, element } = gridOf(new Session(1000));
    await scroll(element, line);
    expect(inView(element)).toEqual(seen(1000 - line));
    for (const count of [3, 1, 40]) {
      source.arrive(count);
      await eventually(() => expect(inView(element)).toEqual(seen(1000 - line)));
      await settled();
    }
  });

  test.each([0.001, 0.5, 0.9])("a very long table at %d of it, too", async (share) => {
    const total = 1_000_000;
    const { source, element } = gridOf(new Session(total));
    element.scrollTop = share * 8e6;
    await eventually(() => expect(inView(element).filter(Boolean).length).toBeGreaterThan(8));
    const before = Number(inView(element)[0]);
    source.arrive(500);
    await eventually(() => expect(inView(element).filter(Boolean).length).toBeGreaterThan(8));
    await settled();
    expect(Math.abs(Number(inView(element)[0]) - before)).toBeLessThan(2);
  });

  test("the current line is the same failure", async () => {
    const { source, element, key } = gridOf(new Session(1000));
    for (let n = 0; n < 3; n += 1) await key("ArrowDown");
    source.arrive(5);
    expect(numberIn(currentOf(element))).toBe("997");
    expect(element.getAttribute("aria-activedescendant")).toBe(currentOf(element).id);
    await key("ArrowDown");
    expect(numberIn(currentOf(element))).toBe("996");
  });

  test("the current line is the same failure, though it was on its way when it became it", async () => {
    const { source, element, key } = gridOf(new Session(1000));
    await key("End");
    await eventually(() => expect(numberIn(currentOf(element))).toBe("1"));
    source.arrive(5);
    await settled();
    await key("ArrowUp");
    await eventually(() => expect(numberIn(currentOf(element))).toBe("2"));
  });

  test("the open failure is marked where it is now", () => {
    const { source, grid, element } = gridOf(new Session(1000));
    grid.openId = "id-998";
    source.arrive(4);
    expect(numberIn(element.querySelector(".ft-opened")!)).toBe("998");
  });

  test("Home pressed while they are on their way goes to the top", async () => {
    const { source, element, key } = gridOf(new Session(1000));
    await scroll(element, 500);
    const answer = held<Window>();
    source.window.mockReturnValueOnce(answer.promise);
    source.arrive(5);
    await key("Home");
    answer.resolve({ version: 2, start: 505, lines: 1005, rows: source.rows(505, 60) });
    await settled();
    await eventually(() => expect(inView(element)).toEqual(seen(1005)));
    expect(element.scrollTop).toBe(0);
  });
});

test("another order, search or filter starts at the top", async () => {
  const { source, element, key } = gridOf(new Session(1000));
  await scroll(element, 500);
  await key("End");
  source.tell({ search: "x" });
  expect([element.scrollTop, aria(currentOf(element), "rowindex")]).toEqual([0, "2"]);
  await scroll(element, 500);
  source.tell({ descending: false });
  expect(element.scrollTop).toBe(0);
  await scroll(element, 500);
  const value = { value: "E", label: "E", count: 9, chosen: true };
  source.tell({ facets: [{ name: "type", values: [value], more: 0 }] });
  expect(element.scrollTop).toBe(0);
});

test("a table that becomes shorter shows its end, and an empty one nothing", async () => {
  const { source, element, key, open } = gridOf(new Session(1000));
  await key("End");
  source.tell({ total: 30, shown: 30, lines: 30 });
  element.dispatchEvent(new Event("scroll")); // as browsers do: there is no such place any more
  await eventually(() => expect(inView(element)).toEqual(seen(10)));
  expect(aria(currentOf(element), "rowindex")).toBe("31");
  source.tell({ total: 0, shown: 0, lines: 0 });
  expect(rowsOf(element)).toEqual([]);
  expect(element.getAttribute("aria-activedescendant")).toBeNull();
  for (const one of ["Enter", " ", "ArrowLeft"]) expect(await key(one)).toBe(false);
  await key("End");
  expect(open).not.toHaveBeenCalled();
});

test("lines that cannot be had are told", async () => {
  const { source, element, failed } = gridOf(new Session(1000));
  const error = new Error("the kernel is gone");
  source.window.mockRejectedValueOnce(error);
  await scroll(element, 500);
  expect(failed.mock.calls).toEqual([[error]]);
});
