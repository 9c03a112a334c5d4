// @vitest-environment happy-dom
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { detailPane } from "../src/table/detail.js";
import { number } from "../src/table/words.js";
import type { Failure, Raised } from "../src/table/source.js";
import captured from "./captured.json"; // records that the package made

type Name = keyof typeof captured;
const record = (name: Name) => structuredClone(captured[name]) as unknown as Failure;

const said: string[] = [];
const close = vi.fn();
beforeEach(() => {
  said.length = 0;
  close.mockClear();
});
afterEach(() => {
  document.body.replaceChildren();
  vi.unstubAllGlobals();
});

/** The pane in the page; `failure` may be anything that somebody handed in. */
function pane(failure: unknown): HTMLElement {
  const json = JSON.stringify({ id: "as written" });
  const actions = { close, say: (text: string) => said.push(text) };
  const element = detailPane({ failure: failure as Failure, json }, actions);
  document.body.append(element);
  return element;
}

/** Opens what is closed until nothing is. */
function openAll(element: Element): void {
  for (let round = 0; round < 500; round++) {
    const closed = element.querySelectorAll<HTMLDetailsElement>("details:not([open])");
    if (!closed.length) return;
    for (const one of closed) {
      one.open = true;
      one.dispatchEvent(new Event("toggle"));
    }
  }
  throw new Error("There is always more to open.");
}

const texts = (element: Element, selector: string) =>
  Array.from(element.querySelectorAll(selector), (one) => one.textContent);
const summaries = (element: Element) => texts(element, "summary, .ft-bare");
const button = (element: Element, label: string) =>
  Array.from(element.querySelectorAll("button")).find((one) => one.textContent === label)!;

test("a failure is told by its type, place, time, duration, tags and message", () => {
  const failure = { ...record("multiline"), tags: ["slow", "gpu"], expected: true };
  const element = pane(failure);
  expect(element.querySelector("h3")!.textContent).toBe(
    "numpy._core._exceptions.UFuncTypeErrorexpected",
  );
  const facts = Object.fromEntries(
    Array.from(element.querySelectorAll(".ft-facts > div"), (pair) =>
      Array.from(pair.children, (one) => one.textContent),
    ),
  );
  expect(facts).toMatchObject({
    Where: "In[2]",
    Line: "9",
    Tags: "slow, gpu",
    Origin: "cell",
    Thread: "MainThread",
  });
  expect(facts["Took"]).toMatch(/^[\d.,]+ m?s$/);
  expect(element.querySelector("time")!.getAttribute("datetime")).toBe(failure.timestamp);
  expect(element.querySelector(".ft-message")!.textContent).toBe(failure.exception_message);
});

test("the pane is a region with a name, and its buttons submit nothing", () => {
  const element = pane(record("test"));
  openAll(element);
  expect(element.tagName).toBe("SECTION");
  expect(element.getAttribute("aria-label")).toBe("Details of AssertionError");
  for (const one of element.querySelectorAll("button")) expect(one.type).toBe("button");
  for (const one of element.querySelectorAll("[tabindex]"))
    expect(one.getAttribute("tabindex")).toBe("0");
});

test("all lines of an expression that failed are marked, in characters", () => {
  const element = pane(record("multiline"));
  expect(texts(element, ".ft-failing > .ft-number")).toEqual(["→  9 ", "→ 10 ", "→ 11 "]);
  expect(texts(element, "mark")).toEqual(["len(sales)", "+ heights.sum()", "+ naïve"]);
});

test("own frames are open, library frames folded into one, the innermost own one has its locals", () => {
  const element = pane(record("library"));
  const frames = element.querySelectorAll(".ft-part > details");
  const heads = Array.from(frames, (one) => one.querySelector("summary")!.textContent);
  expect(heads.slice(0, 3)).toEqual([
    "<module>, Cell In[3]:7",
    "mean_of, Cell In[3]:4",
    "2 library frames",
  ]);
  expect(Array.from(frames, (one) => one.hasAttribute("open")).slice(0, 3)).toEqual([
    true,
    true,
    false,
  ]);
  expect(texts(frames[1]!, "tbody tr:first-child > *")).toEqual([
    "frame",
    "DataFrame 2 × 2",
    "columns: city, sum",
  ]);
  expect(frames[0]!.querySelector("table")).toBeNull();
  openAll(element);
  expect(summaries(frames[2]!)[1]).toBe("DataFrame.__getitem__, pandas/core/frame.py:4330");
});

test("where all frames are a library's they are shown", () => {
  const frame = { file: "/usr/lib/python3.12/json/decoder.py", function: "decode", line: 3 };
  const extracted_code = [{ ...frame, library: true }];
  const element = pane({ extracted_code });
  expect(summaries(element)).toEqual(["1 library frame", "decode, json/decoder.py:3"]);
});

test("a recursion says how many frames are left out, where they were, and is not shown again", () => {
  const element = pane(record("recursion"));
  expect(texts(element, ".ft-left-out")).toEqual([
    "980 frames left out, all of them f, Cell In[4]:6",
  ]);
  const order = texts(element.querySelector(".ft-part")!, ":scope > details > summary");
  expect(order).toEqual([
    "start, Cell In[4]:3",
    "f, Cell In[4]:6",
    "1 more frame of f, Cell In[4]:6",
    "5 more frames of f, Cell In[4]:6",
    "f, Cell In[4]:6",
  ]);
});

test("a repetition that is only part of what is left out says its share", () => {
  const repetition = { file: "Cell In[3]", function: "f", line: 2, count: 1000 };
  const element = pane({ frames_omitted: 1234, repetition });
  expect(texts(element, ".ft-left-out")).toEqual([
    `${number(1234)} frames left out, ${number(1000)} of them f, Cell In[3]:2`,
  ]);
});

test("notes and the chain of causes are told, each with its own frames", () => {
  const element = pane(record("causes"));
  expect(texts(element, ".ft-said")).toEqual(['Write {"size": 3} into settings.json.']);
  openAll(element);
  const heads = summaries(element);
  expect(heads).toContain("while handling RuntimeError: the settings cannot be read");
  expect(heads).toContain(
    "which came because of JSONDecodeError: Expecting property name enclosed in double quotes: " +
      "line 1 column 2 (char 1)",
  );
  expect(heads).toContain("load, /home/ada/paper/shapes.py:9");
});

test("a group is a tree of its members", () => {
  const failure = { ...record("group"), exceptions_omitted: 2 };
  const element = pane(failure);
  openAll(element);
  const heads = summaries(element);
  expect(heads).toContain("1 of 5 OutOfPaper: 91 is wider than the paper");
  expect(heads).toContain("3 of 5 ExceptionGroup: inner (2 sub-exceptions)");
  expect(heads).toContain("2 of 2 ValueError: b");
  expect(texts(element, ".ft-left-out")).toEqual(["2 more exceptions of the group left out"]);
  expect(texts(element, ".ft-said")).toEqual(["width was 91", "width was 120"]);
});

test("an exception that is its own cause ends somewhere", () => {
  const failure: Raised = { exception_type: "Loop", notes: ["again"] };
  failure.causes = [failure];
  const element = pane(failure);
  openAll(element);
  expect(summaries(element).filter((one) => one!.includes("Loop"))).toHaveLength(51);
  expect(element.textContent).toContain("What lies deeper is in the JSON.");
});

test("a test shows its arguments, its fixtures, and its failing line in the whole function", () => {
  const element = pane(record("test"));
  openAll(element);
  expect(element.textContent).toContain(
    "function scope · test_paper.py:11 · needs paper, tmp_path",
  );
  expect(element.textContent).toContain("a new folder for the test, as a Path · function scope");
  const whole = Array.from(element.querySelectorAll("details.ft-fold")).find((one) =>
    one.querySelector("summary")!.textContent!.startsWith("Function, 8 lines"),
  )!;
  expect(texts(whole, ".ft-failing")).toEqual([
    "→ 20         sheet\n",
    "→ 21         == expected\n",
  ]);
  expect(texts(whole, ".ft-number")[0]).toBe("  15 ");
});

test("a test under pytest shows its parameters and what it has written", () => {
  const parameters = { more: "41" };
  const captured = { "stdout call": "first\nsecond\n", "log setup": "ready" };
  const element = pane({ ...record("test"), parameters, captured });
  openAll(element);
  const summary = summaries(element);
  expect(summary).toContain("stdout call, 2 lines");
  expect(summary).toContain("log setup, 1 line");
  expect(texts(element, "h4")).toEqual(expect.arrayContaining(["Parameters", "Output"]));
  expect(element.textContent).toContain("first\nsecond\n");
});

test("a task of a cluster shows where it was, and how often", () => {
  const dask = { key: "load-7", worker: "tcp://10.0.0.4:8786", dependencies: ["read-1", "read-2"] };
  const element = pane({ ...record("test"), dask, attempts: 3 });
  const part = [...element.querySelectorAll(".ft-part")].find((one) =>
    one.textContent!.startsWith("Cluster"),
  )!;
  for (const said of ["load-7", "tcp://10.0.0.4:8786", "read-2", "attempts"])
    expect(part.textContent).toContain(said);
});

test("a cell shows the line that failed in it; a command its exit code", () => {
  const element = pane(record("shell"));
  openAll(element);
  expect(texts(element, ".ft-failing")).toEqual(["→ 1 !ls /nowhere\n", "→ 1 !ls /nowhere\n"]);
  expect(texts(element, "dd")).toEqual(expect.arrayContaining(["ls /nowhere", "2"]));
});

test("a place in source that does not compile is marked", () => {
  expect(texts(pane(record("syntax")), "mark")).toEqual(["("]);
});

test("hostile text stays text", () => {
  const evil = '<script>1</script><img src=x onerror="1">\u001b[31m\u202e';
  const shown = '<script>1</script><img src=x onerror="1">\\x1b[31m\\u202e';
  const extracted_code = [{ file: evil, function: evil, line: evil, code: evil, code_start: 1 }];
  const failure: Record<string, unknown> = {
    ...record("hostile"),
    exception_type: evil,
    extracted_code,
    locals: [{ [evil]: evil }],
    causes: [{ exception_type: evil, exception_message: evil, relation: evil }],
    notes: [evil],
    tags: [evil],
    test_source: evil,
    fixtures: { [evil]: { about: evil, source: evil } },
    captured: { [evil]: evil },
    [evil]: evil,
  };
  const element = pane(failure);
  openAll(element);
  expect(element.querySelector("script, img")).toBeNull();
  expect(element.querySelector(".ft-type")!.textContent).toBe(shown);
  expect(element.textContent).not.toMatch(/[\u001b\u202e]/);
});

const ODD: unknown[] = [
  null,
  0,
  -1,
  1.5,
  NaN,
  true,
  "text",
  "",
  [],
  [null, 1, "a", [[]]],
  {},
  { toString: 1 },
];
test.each(ODD.map((odd) => [JSON.stringify(odd), odd]))("a record of %s is shown", (_name, odd) => {
  const keys = [...Object.keys(record("test")), "causes", "exceptions", "notes", "tags"];
  keys.push("repetition", "frames_omitted", "exceptions_omitted", "expected", "command");
  openAll(pane(odd));
  openAll(pane(Object.fromEntries(keys.map((key) => [key, odd]))));
  for (const key of keys) openAll(pane({ ...record("test"), [key]: odd }));
  const frame = Object.keys(record("multiline").extracted_code![0]!);
  for (const key of frame) openAll(pane({ extracted_code: [{ code: "a\nb", [key]: odd }] }));
});

test("keys of the user's own and known ones of another kind are shown, too", () => {
  const element = pane({ exception_type: "Slow", severity: { level: 3 }, locals: "none kept" });
  openAll(element);
  expect(texts(element, "tbody tr")).toEqual(['severity{"level":3}', "localsnone kept"]);
});

test("without frames the traceback is shown as it was written", () => {
  const element = pane({ exception_traceback: "Traceback …\nValueError" });
  expect(texts(element, "pre")).toEqual(["Traceback …\nValueError"]);
});

test("copying takes the traceback, the Markdown or the JSON as written, and says so", async () => {
  const copied: string[] = [];
  const clipboard = { writeText: async (text: string) => void copied.push(text) };
  vi.stubGlobal("navigator", { clipboard });
  const failure = record("causes");
  const element = pane(failure);
  for (const label of ["Copy traceback", "Copy as Markdown", "Copy as JSON"])
    button(element, label).click();
  await vi.waitFor(() =>
    expect(said).toEqual(["Traceback copied", "Markdown copied", "JSON copied"]),
  );
  expect(copied[0]).toBe(failure.exception_traceback);
  expect(copied[1]).toMatch(/^### LookupError: no size\n/);
  expect(copied[2]).toBe('{"id":"as written"}');
});

test("where the browser refuses to copy, the text is there to be copied by hand", async () => {
  vi.stubGlobal("navigator", {});
  const element = pane(record("causes"));
  button(element, "Copy as JSON").click();
  await vi.waitFor(() => expect(said).toEqual([expect.stringContaining("press Ctrl+C")]));
  expect(element.querySelector("textarea")!.value).toBe('{"id":"as written"}');
});

test("it can be closed", () => {
  pane({}).querySelector<HTMLElement>("[aria-label='Close details']")!.click();
  expect(close).toHaveBeenCalledOnce();
});
