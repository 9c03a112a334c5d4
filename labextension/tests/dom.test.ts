// @vitest-environment happy-dom
import { expect, test, vi } from "vitest";
import { h, visible } from "../src/table/dom.js";
import { counted, number } from "../src/table/words.js";

test.each([
  ["\u0000", "\\x00"],
  ["\b", "\\x08"],
  ["\u001b[31m", "\\x1b[31m"],
  ["a\rb", "a\\x0db"],
  ["\u007f", "\\x7f"],
  ["\u009f", "\\x9f"],
  ["\u200e", "\\u200e"],
  ["\u202e", "\\u202e"],
  ["\u2066x\u2069", "\\u2066x\\u2069"],
])("%j is shown as %s", (text, shown) => {
  expect(visible(text)).toBe(shown);
});

test.each(["tab\tand\nline", "ü € 日本語 🙂", "a\u0301", "a\u200db"])(
  "%j is shown as it is",
  (text) => {
    expect(visible(text)).toBe(text);
  },
);

test("a Windows line end is a line end", () => {
  expect(visible("a\r\nb\r\n")).toBe("a\nb\n");
});

test.each([
  [null, ""],
  [undefined, ""],
  [0, "0"],
  [false, "false"],
])("%j is shown as %j", (value, shown) => {
  expect(visible(value)).toBe(shown);
});

test("text is never markup, wherever it stands", () => {
  const nasty = `<img src=x onerror=alert(1)>"'&<script>`;
  const element = h("p", { title: nasty, onerror: nasty }, nasty, h("b", {}, nasty));
  expect(element.querySelector("img, script")).toBeNull();
  expect(element.title).toBe(nasty);
  expect(element.textContent).toBe(nasty + nasty);
  expect(element.children).toHaveLength(1);
});

test("attributes are written, left out, or empty by what they are", () => {
  const element = h("input", {
    type: "checkbox",
    tabindex: 0,
    disabled: true,
    hidden: false,
    title: null,
    name: undefined,
    "aria-label": "",
  });
  const written = Object.fromEntries([...element.attributes].map((one) => [one.name, one.value]));
  expect(written).toEqual({ type: "checkbox", tabindex: "0", disabled: "", "aria-label": "" });
});

test("a function listens, and does not become an attribute", () => {
  const listener = vi.fn();
  const button = h("button", { onclick: listener, focus: listener });
  button.click();
  button.dispatchEvent(new Event("focus"));
  expect(listener).toHaveBeenCalledTimes(2);
  expect(button.attributes).toHaveLength(0);
});

test("children that are nothing are left out, but 0 and the empty text are not nothing", () => {
  expect(h("p", {}, null, undefined, false, 0, "", "x").textContent).toBe("0x");
});

test("counts are in the reader's words", () => {
  const large = new Intl.NumberFormat().format(1_234_567);
  expect(number(1_234_567)).toBe(large);
  expect(counted(1)).toBe("1 failure");
  expect(counted(0)).toBe("0 failures");
  expect(counted(1_234_567, "line")).toBe(`${large} lines`);
});
