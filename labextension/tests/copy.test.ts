// @vitest-environment happy-dom
import { afterEach, expect, test, vi } from "vitest";
import { asMarkdown, copyText } from "../src/table/copy.js";
import { lineOf, where } from "../src/table/place.js";
import type { Failure } from "../src/table/source.js";
import captured from "./captured.json"; // records that the package made

const record = (name: keyof typeof captured) => captured[name] as unknown as Failure;
afterEach(() => {
  vi.unstubAllGlobals();
  vi.restoreAllMocks();
});

test.each<[Failure, string, string]>([
  [{ origin: "cell", execution_count: 5, test_name: "In[5]" }, "In[5]", ""],
  [{ origin: "cell", execution_count: 5, test_name: "load" }, "In[5] load", ""],
  [{ origin: "cell", execution_count: null, test_name: "a cell" }, "a cell", ""],
  [{ origin: "cell" }, "a cell", ""],
  [{ origin: "function", execution_count: 2, test_name: "f" }, "In[2] f", ""],
  [{ origin: "function", test_name: "test_a", line_number: 4 }, "test_a", "4"],
  [{ line_number: 0 }, "unknown", ""],
  [{ test_file: "Cell In[3]", execution_count: 3, line_number: 4 }, "In[3]", "4"],
  [{ test_file: "Cell In[3]", execution_count: 5, line_number: 4 }, "In[5]", "In[3]:4"],
  [{ test_file: "/home/ada/a.py", line_number: 7 }, "unknown", "a.py:7"],
  [{ test_file: "C:\\work\\a.py", line_number: 7 }, "unknown", "a.py:7"],
  [{ test_file: "unknown", line_number: 7 }, "unknown", "7"],
])("%j stands at %j, line %j", (failure, place, line) => {
  expect(where(failure)).toBe(place);
  expect(lineOf(failure)).toBe(line);
});

test("an issue has a heading, the facts, the traceback and the cell", () => {
  const failure = { ...record("multiline"), tags: ["slow"], duration: 0.25 };
  expect(asMarkdown(failure)).toBe(
    [
      "### UFuncTypeError: ufunc 'add' did not contain a loop with signature matching types " +
        "(dtype('float64'), dtype('\\<U1')) -\\> None",
      "",
      "- Where: `In[2]`",
      "- Line: `9`",
      `- Time: \`${failure.timestamp}\``,
      "- Took: `250 ms`",
      "- Tags: `slow`",
      "- Origin: `cell`",
      "- Thread: `MainThread`",
      "",
      "Traceback:",
      "",
      `\`\`\`text\n${failure.exception_traceback}\`\`\``,
      "",
      "Cell:",
      "",
      `\`\`\`python\n${failure.cell_source}\n\`\`\``,
      "",
    ].join("\n"),
  );
});

test("nothing in a message acts in an issue", () => {
  const [heading] = asMarkdown(record("hostile")).split("\n");
  expect(heading).toBe(
    "### ValueError: \\<script\\>window.hacked = 1\\</script\\> \\<img src=x onerror=hacked=1\\> " +
      "\\\\x1b\\[31mred \\\\u202eevil \\@&#8203;ada \\#&#8203;12 \\`\\`\\` \\*\\*bold\\*\\*",
  );
});

test("addresses in a message do not become links", () => {
  const exception_message = "see https://example.org or www.example.org or ada@example.org";
  expect(asMarkdown({ exception_message })).toMatch(
    "see https\\://example.org or www\\.example.org or ada\\@&#8203;example.org",
  );
});

test("a fence is longer than any run of backticks in it, and so is a code span", () => {
  const exception_traceback = "a\n`````\n# not a heading";
  const issue = asMarkdown({ exception_traceback, command: "echo ``x`` `" });
  expect(issue).toContain("``````text\na\n`````\n# not a heading\n``````\n");
  expect(issue).toContain("- Command: ``` echo ``x`` ` ```\n");
});

test("a record that holds other things than expected still becomes an issue", () => {
  for (const odd of [null, 3, ["a"], { toString: 1 }, true]) {
    const keys = Object.keys(record("test"));
    const failure = Object.fromEntries(keys.map((key) => [key, odd])) as Failure;
    expect(asMarkdown(failure)).toMatch(/^### /);
  }
  expect(asMarkdown({})).toBe("### Failure\n");
});

test("a text is put into the clipboard", async () => {
  const writeText = vi.fn(async () => undefined);
  vi.stubGlobal("navigator", { clipboard: { writeText } });
  expect(await copyText("a")).toBe(true);
  expect(writeText).toHaveBeenCalledWith("a");
});

test("where there is no clipboard the page's own copying is used, and the focus stays", async () => {
  vi.stubGlobal("navigator", {});
  const held = document.createElement("button");
  document.body.append(held);
  held.focus();
  let selected = "";
  document.execCommand = () => {
    selected = document.querySelector("textarea")!.value;
    return true;
  };
  expect(await copyText("a text")).toBe(true);
  expect(selected).toBe("a text");
  expect(document.querySelector("textarea")).toBeNull();
  expect(document.activeElement).toBe(held);
  held.remove();
  document.execCommand = () => false;
  expect(await copyText("a text")).toBe(false);
});

test("a message of a hundred thousand runs of backticks is fenced", () => {
  const failure = { exception_traceback: "` ".repeat(200_000) + "````" };
  expect(asMarkdown(failure)).toContain("`````text\n");
});
