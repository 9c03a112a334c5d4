// @vitest-environment happy-dom
import type { ICellModel } from "@jupyterlab/cells";
import { expect, test } from "vitest";
import type { Connection } from "../src/lab/connection.js";
import { placeInCell } from "../src/lab/jump.js";
import { failed } from "../src/lab/marks.js";
import type { Failure } from "../src/table/source.js";

const known = { count: 3, run: 5, line: 2, message: "ValueError: no", failure: "id-3" };
const connection = { cells: new Map([["a", known]]) } as unknown as Connection;

const error = (ename: string, evalue: string) => ({ output_type: "error", ename, evalue });
const stream = { output_type: "stream", text: "printed" };

/** A cell as a notebook's model has it. */
function model({
  id = "a",
  type = "code",
  count = 5 as number | null,
  tags = null as unknown,
  outputs = [] as object[],
}) {
  return {
    id,
    type,
    executionCount: count,
    getMetadata: (name: string) => (name === "tags" ? tags : undefined),
    outputs: {
      length: outputs.length,
      get: (place: number) => ({
        type: (outputs[place] as typeof stream).output_type,
        toJSON: () => outputs[place],
      }),
    },
  } as unknown as ICellModel;
}

test("a cell whose newest failure is of its last run has failed", () => {
  expect(failed(model({}), connection)).toBe(known);
  expect(failed(model({ outputs: [stream] }), connection)).toBe(known);
});

test("a cell that has passed since, that runs, or that is another has not", () => {
  expect(failed(model({ count: 6 }), connection)).toBeNull();
  expect(failed(model({ count: null }), connection)).toBeNull();
  expect(failed(model({ id: "b" }), connection)).toBeNull();
  expect(failed(model({}), null)).toBeNull();
});

test("an error among the outputs is a failure, also of a kernel that tells nothing", () => {
  const outputs = [stream, error("KeyError", "'x'"), stream];
  const unknown = { message: "KeyError: 'x'", count: 0, failure: "" };
  expect(failed(model({ id: "b", outputs }), connection)).toEqual(unknown);
  expect(failed(model({ count: null, outputs }), null)).toEqual(unknown);
  expect(failed(model({ count: 6, outputs }), connection)).toEqual({ ...unknown, count: 3 });
  expect(failed(model({ outputs: [error("E", "")] }), null)!.message).toBe("E");
  expect(failed(model({ outputs: [{ output_type: "error" }] }), null)!.message).toBe("");
});

test("a cell that the reader has stopped has not failed", () => {
  expect(failed(model({ outputs: [error("KeyboardInterrupt", "")] }), null)).toBeNull();
});

test("a cell that is meant to fail, and text, have no failure", () => {
  const outputs = [error("KeyError", "'x'")];
  expect(failed(model({ tags: ["slow", "raises-exception"], outputs }), connection)).toBeNull();
  expect(failed(model({ type: "markdown", outputs }), connection)).toBeNull();
  expect(failed(model({ tags: ["slow"] }), connection)).toBe(known);
  expect(failed(model({ tags: "raises-exception" }), connection)).toBe(known);
});

const place = (failure: object) => placeInCell(failure as Failure);
const frame = (file: string, more: object = {}) => ({ file, line: 1, ...more });

test("the place of a failure is that of the innermost frame in its own cell", () => {
  const frames = [
    frame("Cell In[5]", { line: 2 }),
    frame("Cell In[5]", { line: 7, column: 4 }),
    frame("Cell In[3]", { line: 9 }),
    frame("/lib/x.py", { line: 100 }),
  ];
  expect(place({ execution_count: 5, extracted_code: frames })).toEqual({ line: 7, column: 4 });
  expect(place({ execution_count: 3, extracted_code: frames })).toEqual({ line: 9, column: 0 });
  expect(place({ execution_count: 4, extracted_code: frames })).toBeNull();
});

test("without frames it is the line of the record, where that is of the cell", () => {
  const failure = { execution_count: 5, test_file: "Cell In[5]", line_number: 3 };
  expect(place(failure)).toEqual({ line: 3, column: 0 });
  expect(place({ ...failure, execution_count: 6 })).toBeNull();
  expect(place({ ...failure, test_file: "x.py" })).toBeNull();
  expect(place({ ...failure, line_number: 0 })).toBeNull();
});

test.each([
  {},
  { extracted_code: "text", line_number: "3", test_file: "Cell In[5]" },
  { extracted_code: [null, "x", [], {}] },
  { extracted_code: [frame("Cell In[5]", { line: "two" })] },
  {
    extracted_code: [frame("Cell In[5]", { line: -1 })],
    line_number: 1.5,
    test_file: "Cell In[5]",
  },
])("a record of a user's has no place: %j", (odd) => {
  expect(place({ execution_count: 5, ...odd })).toBeNull();
});
