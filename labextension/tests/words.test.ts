// @vitest-environment happy-dom
import { afterEach, describe, expect, test } from "vitest";
import { Records } from "../src/table/records.js";
import { FailureTable } from "../src/table/table.js";
import { counted, t, translateWith, type Translator } from "../src/table/words.js";
import captured from "./captured.json";
import { settled } from "./fake.js";

/** Marks what went through it, so that what did not can be seen. */
const marking: Translator = {
  __: (text, ...args) => `⟦${text.replace(/%(\d)/g, (_, n) => String(args[Number(n) - 1]))}⟧`,
  _n: (one, many, count, ...args) => marking.__(count === 1 ? one : many, count, ...args),
};

afterEach(() => translateWith(null));

/** Everything that a reader sees or hears of the table itself: no text of a record. */
function words(element: Element): string[] {
  const said: string[] = [];
  const own =
    "label, summary, button, option, th, h4, dt, .ft-status, .ft-empty > *, .ft-note > span";
  for (const one of element.querySelectorAll(own))
    for (const node of one.childNodes) if (node.nodeType === 3) said.push(node.textContent!);
  for (const name of ["aria-label", "title", "placeholder"])
    for (const one of element.querySelectorAll(`[${name}]:not(.ft-cell)`))
      said.push(one.getAttribute(name)!);
  return said;
}

describe("the words of a table", () => {
  test("are English with the arguments in their places, and counts in the reader's locale", () => {
    expect(t("%2 of %1", 5, "two")).toBe("two of 5");
    expect([counted(1), counted(1_200), counted(2, "line")]).toEqual([
      "1 failure",
      `${(1_200).toLocaleString()} failures`,
      "2 lines",
    ]);
  });

  test("all go through the host's translator", async () => {
    translateWith(marking);
    const failures = Object.values(captured) as never[];
    const table = new FailureTable(new Records(failures));
    document.body.append(table.element);
    table.element.querySelector<HTMLElement>(".ft-row[data-index]")?.click();
    await settled();
    expect(table.element.querySelector(".ft-detail")).not.toBeNull();
    const values = new Set(["csv", "json", "markdown", "✕", "(", ")"]);
    const bare = words(table.element).filter(
      (text) => /\p{L}{3}/u.test(text) && !text.includes("⟦") && !values.has(text.trim()),
    );
    // The values in the facets' menus and times are the failures' own.
    const own = JSON.stringify(failures);
    expect(bare.filter((text) => !own.includes(text.trim()) && !/\d{1,2}:\d\d/.test(text))).toEqual(
      [],
    );
    table.dispose();
  });
});
