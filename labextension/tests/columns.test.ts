// @vitest-environment happy-dom
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { Columns, when } from "../src/table/columns.js";
import { h } from "../src/table/dom.js";
import { COLUMNS, type ColumnName } from "../src/table/protocol.js";
import { row } from "./fake.js";
import { press } from "./page.js";

const changed = vi.fn();
let columns: Columns;
beforeEach(() => {
  changed.mockClear();
  columns = new Columns(changed);
});
afterEach(() => {
  document.body.replaceChildren();
  vi.useRealTimers();
});

const widthOf = (name: ColumnName) => {
  const widths = columns.template.match(/minmax\([^)]*\)|\S+/g)!;
  return widths[columns.shown.indexOf(name) + 1];
};

/** A header of `width` pixels with its button and its handle, as the grid has it. */
function headerOf(name: ColumnName, width: number) {
  const handle = columns.handle(name);
  const button = h("button", {
    onkeydown: (event: Event) => columns.onKey(name, event as KeyboardEvent),
  });
  const header = h("span", {}, button, handle);
  header.getBoundingClientRect = () => ({ width }) as DOMRect;
  document.body.append(header);
  return { header, button, handle };
}

describe("which columns are shown", () => {
  test("is all of them where there is room", () => {
    columns.room = 1200;
    expect(columns.shown).toEqual([...COLUMNS]);
  });

  test.each([
    [620, []],
    [619, ["number", "time"]],
    [520, ["number", "time"]],
    [519, ["number", "time", "line"]],
    [320, ["number", "time", "line"]],
  ] as [number, ColumnName[]][])("in %i pixels is all but %j", (pixels, hidden) => {
    columns.room = pixels;
    expect(columns.shown).toEqual(COLUMNS.filter((name) => !hidden.includes(name)));
  });

  test("is what the reader asks for, whatever the room", () => {
    columns.room = 320;
    columns.show("time", true);
    columns.show("where", false);
    expect(columns.shown).toEqual(["time", "type", "message", "count"]);
    columns.room = 1200;
    expect(columns.isShown("where")).toBe(false);
    expect(columns.isShown("number")).toBe(true);
  });

  test("is as at first after a reset, widths included", () => {
    const { template } = columns;
    columns.show("type", false);
    columns.resize("where", 333);
    columns.reset();
    expect(columns.template).toBe(template);
    expect(columns.shown).toEqual([...COLUMNS]);
  });
});

test("every change is told, and a room that is none or the same is no change", () => {
  columns.room = 700;
  columns.show("type", false);
  columns.resize("where", 90);
  columns.reset();
  expect(changed).toHaveBeenCalledTimes(4);
  columns.room = 700;
  columns.room = 0; // of a hidden tab
  expect(changed).toHaveBeenCalledTimes(4);
  expect(columns.isShown("number")).toBe(true);
});

describe("widths", () => {
  test("are the usual ones, and the message takes what is left", () => {
    expect(columns.template).toBe("28px 56px 104px 130px 150px minmax(96px, 1fr) 84px 74px");
    expect(columns.least).toBe(28 + 56 + 104 + 130 + 150 + 96 + 84 + 74);
  });

  test("are smaller in a narrow room, but not those that the reader set", () => {
    columns.resize("type", 150);
    columns.room = 400;
    expect(columns.template).toBe("28px 86px 150px minmax(96px, 1fr) 49px");
  });

  test("are whole pixels and never too small to be seen", () => {
    columns.resize("type", 99.6);
    expect(widthOf("type")).toBe("100px");
    columns.resize("type", -500);
    expect(widthOf("type")).toBe("40px");
    columns.resize("type", null);
    expect(widthOf("type")).toBe("150px");
  });

  test("can be set for the message, too", () => {
    columns.resize("message", 500);
    expect(widthOf("message")).toBe("500px");
  });
});

describe("at a header", () => {
  test("Alt and an arrow make the column wider or narrower", () => {
    const { button } = headerOf("type", 150);
    expect(press(button, "ArrowRight", { altKey: true })).toBe(false);
    expect(widthOf("type")).toBe("166px");
    press(button, "ArrowLeft", { altKey: true });
    expect(widthOf("type")).toBe("134px");
  });

  test("other keys are left alone", () => {
    const { button } = headerOf("type", 150);
    expect(press(button, "ArrowRight")).toBe(true);
    expect(press(button, "x", { altKey: true })).toBe(true);
    expect(widthOf("type")).toBe("150px");
  });

  test("the handle is dragged until it is let go", () => {
    const { handle } = headerOf("type", 150);
    handle.setPointerCapture = vi.fn();
    const at = (type: string, clientX: number) =>
      handle.dispatchEvent(
        new PointerEvent(type, { clientX, pointerId: 7, bubbles: true, cancelable: true }),
      );
    expect(at("pointerdown", 300)).toBe(false); // no text is selected
    expect(handle.setPointerCapture).toHaveBeenCalledWith(7);
    at("pointermove", 330);
    expect(widthOf("type")).toBe("180px");
    at("pointermove", 290);
    expect(widthOf("type")).toBe("140px");
    at("lostpointercapture", 290);
    at("pointermove", 500);
    expect(widthOf("type")).toBe("140px");
  });

  test("a double click on the handle takes the usual width, and no click on it sorts", () => {
    const { header, handle } = headerOf("type", 150);
    const sort = vi.fn();
    header.addEventListener("click", sort);
    header.addEventListener("dblclick", sort);
    columns.resize("type", 300);
    handle.click();
    handle.dispatchEvent(new MouseEvent("dblclick", { bubbles: true }));
    expect(widthOf("type")).toBe("150px");
    expect(sort).not.toHaveBeenCalled();
  });
});

describe("what is in them", () => {
  test("is the row, with numbers as the reader writes them", () => {
    const large = row(12_345, { count: 6_789 });
    const shown = COLUMNS.filter((name) => name !== "time").map((name) =>
      columns.content(name, large),
    );
    const number = (value: number) => new Intl.NumberFormat().format(value);
    expect(shown).toEqual([
      number(12_345),
      "In[12345]",
      "ValueError",
      "message 12345",
      "1",
      number(6_789),
    ]);
    expect(COLUMNS.map((name) => columns.title(name))).toEqual([
      ...["#", "Time", "Where", "Exception", "Message", "Line", "Count"],
    ]);
  });

  test("is the time of today without the day, and others with it", () => {
    vi.useFakeTimers({ now: new Date("2026-01-02T12:00:00"), toFake: ["Date"] });
    const today = when(new Date("2026-01-02T10:00:00").toISOString()) as HTMLElement;
    const other = when(new Date("2025-12-31T10:00:00").toISOString()) as HTMLElement;
    const clock = new Intl.DateTimeFormat(undefined, { timeStyle: "medium" });
    expect(today.textContent).toBe(clock.format(new Date("2026-01-02T10:00:00")));
    expect(today.title).toContain(today.textContent);
    expect(today.title.length).toBeGreaterThan(today.textContent.length);
    expect(other.textContent).toBe(other.title);
    expect(other.getAttribute("datetime")).toBe(new Date("2025-12-31T10:00:00").toISOString());
  });

  test("is a time that cannot be read as it stands", () => {
    expect(when("yesterday")).toBe("yesterday");
    expect(when("")).toBe("");
  });
});
