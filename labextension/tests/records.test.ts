import { describe, expect, test, vi } from "vitest";
import { STATE, VERSION, problem, type FacetName } from "../src/table/protocol.js";
import { Records } from "../src/table/records.js";
import type { Failure, Progress } from "../src/table/source.js";
import pairs from "./equal.json";

/** Failure number `n` of a session: a cell of its own, unless said otherwise. */
function failed(n: number, more: Failure = {}): Failure {
  return {
    id: `x-${n}`,
    origin: "cell",
    timestamp: `2026-01-02T10:00:00.${String(n).padStart(6, "0")}+00:00`,
    test_name: `In[${n}]`,
    test_file: `Cell In[${n}]`,
    execution_count: n,
    cell_id: `cell-${n}`,
    line_number: n,
    exception_type: "ValueError",
    exception_message: `message ${n}`,
    thread_name: "MainThread",
    ...more,
  };
}

/** The same cell, run again and again. */
const again = (n: number, more: Failure = {}) =>
  failed(n, { cell_id: "one", exception_message: "same", line_number: 1, ...more });

/** Every state that it ever has is one that the protocol knows. */
function recorded(...failures: unknown[]): Records {
  const source = new Records(failures as Failure[]);
  const look = () => expect(problem(STATE, source.state)).toBe("");
  source.subscribe(look);
  look();
  return source;
}

const column = <K extends "key" | "id" | "number" | "selected">(source: Records, name: K) =>
  source.state.rows.map((row) => row[name]);

const facet = (source: Records, name: FacetName) =>
  source.state.facets
    .find((one) => one.name === name)
    ?.values.map(({ value, count }) => [value, count]);

describe("lines", () => {
  test("come newest first, equal failures in groups by their newest", () => {
    const source = recorded(again(1), failed(2), again(3));
    expect(source.state).toMatchObject({
      v: VERSION,
      total: 3,
      shown: 3,
      lines: 2,
      sort: "number",
      descending: true,
      grouped: true,
      search: "",
      query: "",
      formats: ["json", "markdown"],
    });
    expect(source.state.rows).toMatchObject([
      { key: "g0", id: "x-3", number: 3, count: 2, where: "In[3]", line: "1", member: false },
      { key: "g1", id: "x-2", number: 2, count: 1, where: "In[2]", line: "2", open: false },
    ]);
  });

  test.each(pairs.map((pair, place) => ({ place, ...pair })))(
    "equal.json says which failures are equal: pair $place",
    ({ one, other, equal }) => {
      expect(recorded(one, other).state.lines).toBe(equal ? 1 : 2);
    },
  );

  test("of an opened group follow it in the order of the table", async () => {
    const source = recorded(again(1), failed(2), again(3));
    await source.show({ toggle: "g0" });
    expect(column(source, "key")).toEqual(["g0", "f3", "f1", "g1"]);
    expect(source.state.rows.map(({ open, member }) => [open, member])).toEqual([
      [true, false],
      [false, true],
      [false, true],
      [false, false],
    ]);
    await source.show({ descending: false });
    expect(column(source, "key")).toEqual(["g1", "g0", "f1", "f3"]);
    await source.show({ toggle: "g0" });
    expect(source.state.lines).toBe(2);
  });

  test("stand for themselves when they are not grouped", async () => {
    const source = recorded(again(1), again(2));
    await source.show({ grouped: false });
    expect(column(source, "key")).toEqual(["f2", "f1"]);
    expect(source.state.rows.every((row) => row.count === 1 && !row.member)).toBe(true);
  });

  test("show the newest shown member of a group, and count those that are shown", async () => {
    const source = recorded(again(1, { tags: ["a"] }), again(2, { tags: ["a"] }), again(3));
    await source.show({ facets: { tag: ["a"] } });
    expect(source.state.rows).toMatchObject([{ id: "x-2", count: 2 }]);
  });

  test("have their message on one line, cut where it is long, with nothing hidden in it", () => {
    const long = recorded(failed(1, { exception_message: "😀".repeat(301) }));
    expect(long.state.rows[0]!.message).toBe(`${"😀".repeat(299)}…`);
    const odd = recorded(failed(1, { exception_message: " a\n\t b\u202e\u0007c " }));
    expect(odd.state.rows[0]!.message).toBe("a b\\u202e\\x07c");
    const wide = recorded(failed(1, { exception_message: `a${" ".repeat(5000)}b` }));
    expect(wide.state.rows[0]!.message).toBe("a…");
  });

  test("count those of cells that are meant to fail", () => {
    const source = recorded(failed(1, { expected: true }), failed(2));
    expect(source.state.expected).toBe(1);
    expect(source.state.rows.map((row) => row.expected)).toEqual([false, true]);
  });
});

describe("sorting", () => {
  const failures = [
    failed(1, { line_number: 20, exception_type: "B", exception_message: "z" }),
    failed(2, { line_number: 0, exception_type: "A", exception_message: "z" }),
    failed(3, { line_number: 3, exception_type: "A", exception_message: "y", timestamp: "?" }),
  ];
  test.each([
    ["number", [1, 2, 3], [3, 2, 1]],
    ["time", [1, 2, 3], [2, 1, 3]],
    ["where", [1, 2, 3], [3, 2, 1]],
    ["type", [2, 3, 1], [1, 2, 3]],
    ["message", [3, 1, 2], [1, 2, 3]],
    ["line", [3, 1, 2], [1, 3, 2]],
    ["count", [1, 2, 3], [3, 2, 1]],
  ])("by %s is stable, and what has no value goes last", async (sort, up, down) => {
    for (const grouped of [true, false]) {
      const source = recorded(...failures);
      await source.show({ sort, descending: false, grouped });
      expect(column(source, "number")).toEqual(up);
      await source.show({ descending: true });
      expect(column(source, "number")).toEqual(down);
    }
  });

  test("by count puts the largest groups first, then the newest", async () => {
    const source = recorded(again(1), again(2), failed(3), failed(4));
    await source.show({ sort: "count" });
    expect(column(source, "number")).toEqual([2, 4, 3]);
  });

  test("by an unknown column is refused, and changes nothing", async () => {
    const source = recorded(failed(1));
    const before = source.state;
    await expect(source.show({ sort: "color", search: "x" })).rejects.toThrow(/"color".*where/);
    expect(source.state).toBe(before);
  });
});

describe("searching", () => {
  const everywhere: Record<string, Failure> = {
    where: { test_name: "needle" },
    type: { exception_type: "NeedleError" },
    message: { exception_message: "a needle." },
    file: { test_file: "/src/needle.py" },
    thread: { thread_name: "needle-1" },
    tags: { tags: ["x", "Needle"] },
    traceback: { exception_traceback: "line\nNEEDLE" },
    "names of locals": { locals: [null, { needle: "1" }] },
    "values of locals": { locals: [{ a: "needle" }] },
    "locals of causes": { causes: [{ causes: [{ locals: [{ needle: "1" }] }] }] },
    "locals of members": { exceptions: [{ locals: [{ a: "needle" }] }] },
    fixtures: { fixtures: { a: { deep: ["needle"] } } },
    arguments: { test_args: ["needle"] },
    "named arguments": { test_kwargs: { a: "needle" } },
    "the cell": { cell_source: "x = 1\nneedle()" },
  };
  test.each(Object.entries(everywhere))("looks into %s", async (_, more) => {
    const source = recorded(failed(1, more), failed(2));
    await source.show({ search: "nEEdle" });
    expect(source.state).toMatchObject({ shown: 1, lines: 1, search: "nEEdle" });
    expect(column(source, "number")).toEqual([1]);
  });

  test("finds the same whether it goes on from an earlier search or not", async () => {
    const source = recorded(...Array.from({ length: 30 }, (_, n) => failed(n)));
    for (const search of ["m", "message", "message 2", "message 21", "message 2", "1", ""]) {
      await source.show({ search });
      const expected = Array.from({ length: 30 }, (_, n) => `message ${n}`);
      // Any other text of these failures that holds a digit holds the same one.
      const found = expected.filter((one) => one.includes(search)).length;
      if (search !== "1") expect(source.state.shown).toBe(found);
    }
  });

  test("knows letters that have no other case of one letter", async () => {
    const source = recorded(failed(1, { exception_message: "Straße" }));
    await source.show({ search: "STRASSE" });
    expect(source.state.shown).toBe(1);
  });

  test("by a query needs a kernel", async () => {
    const source = recorded(failed(1));
    await expect(source.show({ query: "line > 3" })).rejects.toThrow("kernel");
    await source.show({ query: "" });
  });
});

describe("facets", () => {
  const failures = [
    failed(1, { exception_type: "A", tags: ["slow", "gpu"] }),
    failed(2, { exception_type: "B", tags: ["slow"] }),
    failed(3, { exception_type: "B", origin: "thread", tags: [] }),
  ];

  test("list the most frequent first, by label where they are equal; without values none", () => {
    const source = recorded(...failures);
    expect(facet(source, "type")).toEqual([["B", 2], ["A", 1]]); // prettier-ignore
    expect(facet(source, "tag")).toEqual([["slow", 2], ["gpu", 1]]); // prettier-ignore
    expect(facet(recorded({}), "tag")).toBeUndefined();
  });

  test("count what all but their own choice leaves; values are alternatives", async () => {
    const source = recorded(...failures);
    await source.show({ facets: { type: ["A"] } });
    expect(facet(source, "type")).toEqual([["B", 2], ["A", 1]]); // prettier-ignore
    expect(facet(source, "origin")).toEqual([["cell", 1]]);
    await source.show({ facets: { type: ["A", "B"], origin: ["cell"] } });
    expect(source.state.shown).toBe(2);
    expect(facet(source, "type")).toEqual([["A", 1], ["B", 1]]); // prettier-ignore
    expect(facet(source, "origin")).toEqual([["cell", 2], ["thread", 1]]); // prettier-ignore
    await source.show({ search: "message 2" });
    expect(facet(source, "type")).toEqual([["B", 1], ["A", 0]]); // prettier-ignore
    await source.show({ facets: {} });
    expect(source.state.shown).toBe(1);
  });

  test("name a cell by its newest count", () => {
    const unknown = failed(4, { execution_count: null, cell_id: "two" });
    const source = recorded(again(1), again(3), unknown, failed(5, { cell_id: null }));
    const { values } = source.state.facets.find(({ name }) => name === "cell")!;
    expect(values.map(({ value, label }) => [value, label])).toEqual([
      ["one", "In[3]"],
      ["two", "a cell"],
    ]);
  });

  test("list 20 values and those that are chosen; all of 1,000 when asked", async () => {
    const thread = (n: number) => `t${String(n).padStart(4, "0")}`;
    const many = Array.from({ length: 1200 }, (_, n) => failed(n, { thread_name: thread(n) }));
    const source = recorded(...many);
    await source.show({ facets: { thread: [thread(900), "gone"] } });
    const listed = source.state.facets.find(({ name }) => name === "thread")!;
    expect(listed.values.filter((one) => one.chosen).map((one) => one.count)).toEqual([1, 0]);
    expect(listed).toMatchObject({ values: { length: 22 }, more: 1201 - 22 });
    expect(await source.facets("thread")).toMatchObject({ values: { length: 1001 }, more: 200 });
    await expect(source.facets("color" as FacetName)).rejects.toThrow("tag");
    await expect(source.show({ facets: { color: [] } as object })).rejects.toThrow("color");
  });
});

describe("selecting", () => {
  test("by keys: only, add, remove; a group stands for its shown members", async () => {
    const source = recorded(again(1), failed(2), again(3));
    await source.select("only", ["g0", "gone", "f1"]);
    expect(source.state.selected).toBe(2);
    await source.select("add", ["g1"]);
    expect(source.state.selected).toBe(3);
    await source.show({ toggle: "g0" });
    await source.select("remove", ["f1"]);
    expect(column(source, "selected")).toEqual(["some", "all", "none", "all"]);
    await source.select("only", ["f1"]);
    expect(column(source, "selected")).toEqual(["some", "none", "all", "none"]);
  });

  test("of a range takes the lines between in the current order, whichever comes first", async () => {
    const source = recorded(failed(1), failed(2), failed(3), failed(4));
    await source.select("only", ["g3"]);
    for (const keys of [
      ["g0", "g2"],
      ["g2", "g0"],
    ]) {
      await source.select("range", keys);
      expect(column(source, "selected")).toEqual(["none", "all", "all", "all"]);
    }
  });

  test("takes all that is shown, and survives what is shown", async () => {
    const source = recorded(failed(1), failed(2), failed(3));
    await source.show({ search: "message 2" });
    await source.select("all");
    await source.show({ search: "message 3", sort: "type" });
    expect(source.state).toMatchObject({ selected: 1, rows: [{ selected: "none" }] });
    await source.show({ search: "" });
    expect(column(source, "selected")).toEqual(["none", "all", "none"]);
    await source.select("none");
    expect(source.state.selected).toBe(0);
    await expect(source.select("some")).rejects.toThrow("range");
  });
});

describe("windows", () => {
  const source = recorded(...Array.from({ length: 1000 }, (_, n) => failed(n + 1)));
  test.each([
    [0, 2, undefined, 0, [1000, 999]],
    [-5, 1, undefined, 0, [1000]],
    [998, 50, undefined, 998, [2, 1]],
    [5000, 50, undefined, 1000, []],
    [NaN, -1, undefined, 0, []],
    [10, 2, "g0", 999, [1]], // its line has moved
    [10, 1, "f7", 10, [990]], // its line is gone
  ])("from %s, %s lines, anchor %s", async (start, count, anchor, from, numbers) => {
    const answer = await source.window(start, count, anchor);
    expect(answer).toMatchObject({ version: source.state.version, start: from, lines: 1000 });
    expect(answer.rows.map((row) => row.number)).toEqual(numbers);
  });

  test("hold 500 lines at most, the state 50", async () => {
    expect((await source.window(0, 1e9)).rows).toHaveLength(500);
    expect(source.state.rows).toHaveLength(50);
  });
});

test("every change raises the version, and is told once", async () => {
  const source = recorded(failed(1));
  const listener = vi.fn();
  const leave = source.subscribe(listener);
  const { version } = source.state;
  await source.show({ search: "m", sort: "type", toggle: "g0" });
  await source.select("all");
  expect(source.state.version).toBe(version + 2);
  expect(listener).toHaveBeenCalledTimes(2);
  await expect(source.show({ toggle: "g7" })).rejects.toThrow("g7");
  leave();
  await source.select("none");
  expect(listener).toHaveBeenCalledTimes(2);
});

test("details are the record as it is; each line has an id of its own", async () => {
  const source = recorded({ id: "a" }, { id: "a", line_number: 1 }, { line_number: 2 });
  expect(column(source, "id")).toEqual(["#3", "#2", "a"]);
  const { failure, json } = await source.detail("#2");
  expect(failure).toEqual({ id: "a", line_number: 1 });
  expect(JSON.parse(json)).toEqual(failure);
  await expect(source.detail("b")).rejects.toThrow('"b"');
});

test("a page can neither clear nor write files", async () => {
  const source = recorded(failed(1));
  expect([source.canClear, source.canWriteFiles]).toEqual([false, false]);
  await expect(source.clear()).rejects.toThrow("notebook");
  await expect(source.undo()).rejects.toThrow("nothing");
});

describe("exports", () => {
  const progress = (signal = new AbortController().signal): Progress => ({ signal, report() {} });

  test.each([
    ["all", ["x-1", "x-2", "x-3"]],
    ["shown", ["x-2", "x-3"]],
    ["selected", ["x-1"]],
  ])("hold what is %s, oldest first", async (scope, ids) => {
    const source = recorded(failed(1), failed(2, { tags: ["a"] }), failed(3, { tags: ["a"] }));
    await source.select("only", ["g0"]);
    await source.show({ facets: { tag: ["a"] } });
    const request = { format: "json", scope, target: "download" };
    const { filename, blob } = await source.export(request, progress());
    expect(filename).toBe("failextract-report.json");
    const { metadata, failures } = JSON.parse(await blob!.text());
    expect(metadata).toMatchObject({ failure_count: ids.length, schema_version: 1 });
    expect(Date.parse(metadata.generated)).not.toBeNaN();
    expect(failures.map((one: Failure) => one.id)).toEqual(ids);
    const { filename: name, blob: text } = await source.export(
      { ...request, format: "markdown" },
      progress(),
    );
    expect(name).toBe("failextract-report.md");
    expect(await text!.text()).toContain(`message ${ids.length === 1 ? 1 : 3}`);
  });

  test("tell how far they are, and stop with the signal's reason", async () => {
    const source = recorded(...Array.from({ length: 20_000 }, (_, n) => failed(n)));
    const request = { format: "json", scope: "all", target: "download" };
    const abort = new AbortController();
    const shares: number[] = [];
    const report = (share: number) => {
      shares.push(share);
      abort.abort(new Error("enough"));
    };
    await expect(source.export(request, { signal: abort.signal, report })).rejects.toThrow(
      "enough",
    );
    expect(shares).toHaveLength(1);
    expect(shares[0]).toBeLessThan(0.5);
  });

  test("refuse what they do not know, by name", async () => {
    const source = recorded();
    const request = { format: "json", scope: "all", target: "download" };
    for (const wrong of [{ format: "toString" }, { scope: "some" }, { target: "file" }])
      await expect(source.export({ ...request, ...wrong }, progress())).rejects.toThrow(
        Object.values(wrong)[0],
      );
  });
});

test("records of any shape are lines that can be searched, sorted, and looked at", async () => {
  const keys = Object.keys(failed(1, { tags: [], locals: [], causes: [], exceptions: [], fixtures: {}, test_args: [], test_kwargs: {}, cell_source: "" })); // prettier-ignore
  const odd: unknown[] = [null, true, 0, -1.5, 1e300, "", "\ud800<b>", [], [[null]], { toString: 1, valueOf: 2 }, { length: 9 }]; // prettier-ignore
  const records = odd.flatMap((value) => keys.map((key) => ({ [key]: value })));
  const source = recorded(null, "text", 7, [], {}, ...records, ...odd.map((value) => Object.fromEntries(keys.map((key) => [key, value])))); // prettier-ignore
  for (const sort of ["time", "where", "type", "message", "line", "count"])
    for (const grouped of [true, false]) await source.show({ sort, grouped, search: "" });
  await source.show({ search: "x" });
  await source.show({ search: "", facets: { tag: ["[null]"] } });
  await source.show({ facets: {} });
  await source.select("all");
  expect(source.state.selected).toBe(source.state.total);
  for (const { id } of (await source.window(0, 500)).rows) await source.detail(id);
});

test("100,000 failures are each read as often as a thousand are, tracebacks once", async () => {
  async function readings(size: number): Promise<{ all: number; tracebacks: number }> {
    const count = { all: 0, tracebacks: 0 };
    const get = (target: object, key: string) => {
      count.all += 1;
      if (key === "exception_traceback") count.tracebacks += 1;
      return Reflect.get(target, key) as unknown;
    };
    const source = new Records(Array.from({ length: size }, (_, n) => new Proxy(n % 2 ? failed(n) : again(n), { get }))); // prettier-ignore
    expect(count.tracebacks).toBe(0);
    await source.show({ toggle: "g0" });
    for (const search of ["m", "message", "e", ""]) await source.show({ search });
    for (const sort of ["time", "message", "line", "time"]) await source.show({ sort });
    const keys = Array.from({ length: size }, (_, n) => `f${n + 1}`);
    await source.select("only", keys);
    await source.select("range", ["g0", "g1"]);
    await source.show({ grouped: false });
    await source.select("add", keys);
    expect(source.state.selected).toBe(size);
    return count;
  }
  const [few, many] = [await readings(1_000), await readings(100_000)];
  expect(many.tracebacks).toBe(100_000);
  expect(many.all / 100_000).toBeLessThanOrEqual(few.all / 1_000);
}, 60_000);
