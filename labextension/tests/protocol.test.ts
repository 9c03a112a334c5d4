import { expect, test } from "vitest";
import { REPLIES, REQUESTS, STATE, VERSION, checkedState, problem } from "../src/table/protocol.js";
import { Session } from "./fake.js";

const each = {
  text: "string",
  amount: "number",
  yes: "boolean",
  names: "strings",
  chosen: "choice",
  lines: "rows",
  values: "facets",
} as const;
const good = {
  text: "",
  amount: 0,
  yes: false,
  names: ["a"],
  chosen: { type: ["ValueError"] },
  lines: [{ key: "f1" }],
  values: [{ name: "type" }],
};

test("a message with every field of its kind is a good one, and unknown fields do no harm", () => {
  expect(problem(each, good)).toBe("");
  expect(problem(each, { ...good, later: "a newer kernel says more" })).toBe("");
  expect(problem({}, {})).toBe("");
});

test.each([
  ["text", 1],
  ["text", null],
  ["amount", "1"],
  ["yes", 0],
  ["names", "a"],
  ["names", ["a", 1]],
  ["chosen", ["a"]],
  ["chosen", null],
  ["lines", {}],
  ["lines", [{ id: "a row has a key" }]],
  ["lines", ["f1"]],
  ["lines", [null]],
  ["values", "type"],
  ["values", [1]],
] as [keyof typeof each, unknown][])("%s cannot be %j", (name, value) => {
  expect(problem(each, { ...good, [name]: value })).toBe(`its ${name} is no ${each[name]}`);
});

test.each(Object.keys(each))("%s cannot be missing", (name) => {
  expect(problem(each, { ...good, [name]: undefined })).toContain(`its ${name} is no`);
});

test("what is optional may be missing, but is of its kind where it is there", () => {
  const { window } = REQUESTS;
  expect(problem(window, { start: 0, count: 1 })).toBe("");
  expect(problem(window, { start: 0, count: 1, anchor: "f1" })).toBe("");
  expect(problem(window, { start: 0, count: 1, anchor: 1 })).toMatch(/^its anchor is no string/);
  expect(problem(window, { start: 0, count: 1, anchor: null })).toMatch(/^its anchor is no string/);
});

test.each([null, undefined, "text", 1, [], ["x"]])("%j is no message at all", (value) => {
  expect(problem({}, value)).toBe("it is no object");
});

test("every request has a reply, and there is one more for errors", () => {
  expect(Object.keys(REPLIES).sort()).toEqual([...Object.keys(REQUESTS), "error"].sort());
});

test("a state of this version is taken as it is", () => {
  const { state } = new Session(3);
  expect(checkedState(state)).toBe(state);
  expect(problem(STATE, state)).toBe("");
});

test.each([0, VERSION + 1, undefined, "1"])("of version %j, a state says what to do", (v) => {
  expect(() => checkedState({ ...new Session(3).state, v })).toThrow(
    `different versions of failextract_nb (${VERSION} and ${v}): ` +
      "restart the kernel and reload the page",
  );
});

test("a state that cannot be read says what is wrong with it", () => {
  expect(() => checkedState(undefined)).toThrow("cannot be read: it is no object");
  expect(() => checkedState({ ...new Session(3).state, total: "3" })).toThrow(
    "cannot be read: its total is no number",
  );
});
