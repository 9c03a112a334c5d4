// @vitest-environment happy-dom
import { afterEach, describe, expect, test, vi } from "vitest";
import { Notes } from "../src/table/notes.js";
import { Session, held, settled } from "./fake.js";

afterEach(() => document.body.replaceChildren());

function notesOf(source: Session) {
  const done = vi.fn();
  const notes = new Notes(source, done);
  document.body.append(notes.element);
  source.subscribe(() => notes.update());
  notes.update();
  return { source, notes, element: notes.element, done };
}

/** The notes that are to be seen: what they are and what they say, without their buttons. */
const shown = (element: Element) =>
  [...element.children]
    .filter((note) => !(note as HTMLElement).hidden)
    .map((note) => [note.getAttribute("role"), (note.querySelector("span") ?? note).textContent]);
const button = (element: Element, label: string) =>
  [...element.querySelectorAll("button")].find(
    (one) =>
      !one.closest("[hidden]") &&
      (one.textContent === label || one.getAttribute("aria-label") === label),
  )!;
async function click(element: Element, label: string): Promise<void> {
  button(element, label).click();
  await settled();
}

test("at first there is nothing to say", () => {
  expect(shown(notesOf(new Session(3)).element)).toEqual([]);
});

test("a message is a status, an error an alert, and either can be dismissed", async () => {
  const { notes, element, done } = notesOf(new Session(3));
  notes.say("done");
  notes.fail(new Error("<b>the disk is full</b>"));
  expect(shown(element)).toEqual([
    ["status", "done"],
    ["alert", "<b>the disk is full</b>"],
  ]);
  expect(element.querySelector("b")).toBeNull();
  notes.say("done again");
  await click(element, "Dismiss");
  expect(shown(element)).toEqual([["alert", "<b>the disk is full</b>"]]);
  await click(element, "Dismiss");
  expect(shown(element)).toEqual([]);
  expect(done).toHaveBeenCalledTimes(2);
  notes.fail("just a text");
  expect(shown(element)).toEqual([["alert", "just a text"]]);
});

describe("clear", () => {
  const question = (count: string) => ["alertdialog", `Forget all ${count}?`];

  test("asks first, with the focus on the answer that does nothing", () => {
    const { source, notes, element } = notesOf(new Session(3));
    notes.askToClear();
    expect(shown(element)).toEqual([question("3 failures")]);
    expect(document.activeElement).toBe(button(element, "Keep them"));
    expect(source.clear).not.toHaveBeenCalled();
  });

  test("is taken back with Keep them or with Escape", async () => {
    const { source, notes, element, done } = notesOf(new Session(1));
    expect(notes.escape()).toBe(false);
    notes.askToClear();
    expect(shown(element)).toEqual([question("1 failure")]);
    await click(element, "Keep them");
    expect(shown(element)).toEqual([]);
    expect(done).toHaveBeenCalledTimes(1);
    notes.askToClear();
    expect(notes.escape()).toBe(true);
    expect(shown(element)).toEqual([]);
    expect(notes.escape()).toBe(false);
    expect(source.clear).not.toHaveBeenCalled();
  });

  test("forgets them when that is the answer", async () => {
    const { source, notes, element, done } = notesOf(new Session(3));
    notes.askToClear();
    await click(element, "Forget them");
    expect(source.clear).toHaveBeenCalledTimes(1);
    expect(shown(element)).toEqual([]);
    expect(done).toHaveBeenCalledTimes(1);
  });

  test("that fails says why", async () => {
    const { source, notes, element } = notesOf(new Session(3));
    source.clear.mockRejectedValueOnce(new Error("no"));
    notes.askToClear();
    await click(element, "Forget them");
    expect(shown(element)).toEqual([["alert", "no"]]);
  });
});

describe("undo", () => {
  test("is there as long as the state has something to bring back", () => {
    const { source, element } = notesOf(new Session(0, { undo: 3 }));
    expect(shown(element)).toEqual([[null, "3 failures forgotten."]]);
    source.tell({ undo: 0 });
    expect(shown(element)).toEqual([]);
    source.tell({ undo: 1 });
    expect(shown(element)).toEqual([[null, "1 failure forgotten."]]);
  });

  test("brings them back, and says how many", async () => {
    const { source, element, done } = notesOf(new Session(0, { undo: 3 }));
    await click(element, "Undo");
    expect(source.undo).toHaveBeenCalledTimes(1);
    source.tell({ undo: 0 });
    expect(shown(element)).toEqual([["status", "3 failures brought back."]]);
    expect(done).toHaveBeenCalledTimes(1);
  });

  test("that fails says why", async () => {
    const { source, element } = notesOf(new Session(0, { undo: 3 }));
    source.undo.mockRejectedValueOnce("gone");
    await click(element, "Undo");
    expect(shown(element)).toContainEqual(["alert", "gone"]);
  });

  test("that is put away is let go, for every view", async () => {
    const { source, element, done } = notesOf(new Session(0, { undo: 3 }));
    await click(element, "Dismiss");
    expect(done).toHaveBeenCalledTimes(1);
    expect(source.forget).toHaveBeenCalledTimes(1);
    source.tell({ undo: 0 });
    expect(shown(element)).toEqual([]);
    source.tell({ undo: 3 });
    expect(shown(element)).toEqual([[null, "3 failures forgotten."]]);
    source.forget.mockRejectedValueOnce("gone");
    await click(element, "Dismiss");
    expect(shown(element)).toContainEqual(["alert", "gone"]);
  });

  test("keeps its button while failures arrive, so that clicks on it count", () => {
    const { source, element } = notesOf(new Session(0, { undo: 3 }));
    const before = button(element, "Undo");
    source.arrive(1);
    expect(button(element, "Undo")).toBe(before);
  });

  test("says what the last clear took", () => {
    const { source, element } = notesOf(new Session(0, { undo: 3 }));
    source.tell({ undo: 5 });
    expect(shown(element)).toEqual([[null, "5 failures forgotten."]]);
  });
});

test("a kernel that does not answer is told of, and no longer when it does", () => {
  const { source, element } = notesOf(new Session(3));
  source.isWaiting = true;
  source.tell();
  expect(shown(element)).toEqual([
    ["status", expect.stringMatching(/^The kernel is busy or gone/)],
  ]);
  source.isWaiting = false;
  source.tell();
  expect(shown(element)).toEqual([]);
});

test("an answer that comes late is told when it comes", async () => {
  const { source, element } = notesOf(new Session(0, { undo: 2 }));
  const answer = held<number>();
  source.undo.mockReturnValueOnce(answer.promise);
  await click(element, "Undo");
  expect(shown(element)).toEqual([[null, "2 failures forgotten."]]);
  answer.resolve(2);
  await settled();
  expect(shown(element)).toContainEqual(["status", "2 failures brought back."]);
});
