// @vitest-environment happy-dom
import { expect, test } from "vitest";
import { listing, startOf } from "../src/table/listing.js";
import { described } from "../src/table/values.js";

test("a mark counts characters as Python does, also past an emoji", () => {
  const shown = listing('x = "🦀" + 1', 1, { line: 1, column: 4, end_column: 11 });
  expect(shown.querySelector("mark")!.textContent).toBe('"🦀" + 1');
});

test("a line that stands twice in a function is not guessed at", () => {
  const frame = { line: 7, code: "x()", code_start: 7 };
  expect(startOf("def f():\n    pass\nx()", frame)).toBe(5);
  expect(startOf("x()\nx()", frame)).toBeUndefined();
  expect(startOf("y()", frame)).toBeUndefined();
});

test.each([
  ["DataFrame(3 × 2; columns: a, b)", "DataFrame", "3 × 2", "columns: a, b"],
  ["DataFrame(3 × 0)", "DataFrame", "3 × 0", ""],
  ["Series(4; int64)", "Series", "4", "int64"],
  ["ndarray(scalar; int64)", "ndarray", "scalar", "int64"],
  ["Table(columns: a)", "Table", "", "columns: a"],
  [
    "DataFrame(3 × 2; columns: a… (300 characters)",
    "DataFrame",
    "3 × 2",
    "columns: a… (300 characters)",
  ],
  ["<LazyFrame: not evaluated>", "LazyFrame", "", "not evaluated"],
  ["<Thing object>", "Thing", "", "<Thing object>"],
  ["Point(x=0, y=1)", "Point", "", "Point(x=0, y=1)"],
  ["np.float64(1.0)", "np.float64", "", "np.float64(1.0)"],
  ["'Series(4; int64)'", "str", "", "'Series(4; int64)'"],
  ["-3", "int", "", "-3"],
  ["1.5e-07", "float", "", "1.5e-07"],
  ["nan", "float", "", "nan"],
  ["True", "bool", "", "True"],
  ["None", "NoneType", "", "None"],
  ["[1, 2]", "list", "", "[1, 2]"],
  ["(1, 'a')", "tuple", "", "(1, 'a')"],
  ["{'a': 1}", "dict", "", "{'a': 1}"],
  ["{'a'}", "set", "", "{'a'}"],
  ["b'x'", "bytes", "", "b'x'"],
  ["[redacted: password]", "", "", "[redacted: password]"],
])("%s is a value with a type and a shape where it says so", (text, type, shape, value) => {
  expect(described(text)).toEqual({ type, shape, value });
});
