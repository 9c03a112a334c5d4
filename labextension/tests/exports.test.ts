// @vitest-environment happy-dom
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { Exports } from "../src/table/exports.js";
import type { Exported } from "../src/table/source.js";
import { Session, held } from "./fake.js";

/** The files that the page has handed to the browser. */
const downloads: { name: string; blob: Blob }[] = [];
const blobs = new Map<string, Blob>();
beforeEach(() => {
  downloads.length = 0;
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
  vi.spyOn(URL, "createObjectURL").mockImplementation((blob) => {
    const address = `blob:${blobs.size}`;
    blobs.set(address, blob as Blob);
    return address;
  });
  vi.spyOn(URL, "revokeObjectURL").mockImplementation((address) => void blobs.delete(address));
  vi.spyOn(HTMLAnchorElement.prototype, "click").mockImplementation(function (
    this: HTMLAnchorElement,
  ) {
    downloads.push({ name: this.download, blob: blobs.get(this.href)! });
  });
});
afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
  document.body.replaceChildren();
});

function exportsOf(source: Session) {
  const said: string[] = [];
  const failed = vi.fn<(error: unknown) => void>();
  const exports = new Exports(source, (text) => said.push(text), failed);
  const { element } = exports;
  document.body.append(element);
  source.subscribe(() => exports.update());
  exports.update();
  const [scope, target] = element.querySelectorAll("select");
  const running = element.querySelector<HTMLElement>(".ft-running")!;
  const bar = element.querySelector("progress")!;
  return { source, element, said, failed, scope: scope!, target: target!, running, bar };
}

const buttons = (element: Element) => [
  ...element.querySelectorAll<HTMLButtonElement>("[data-format]"),
];
const choose = (select: HTMLSelectElement, value: string) => {
  select.value = value;
  select.dispatchEvent(new Event("change"));
};
const turns = async () => {
  for (let turn = 0; turn < 20; turn += 1) await Promise.resolve();
};
async function run(element: Element, format = "json"): Promise<void> {
  buttons(element)
    .find((one) => one.textContent === format)!
    .click();
  await turns();
}

describe("the buttons", () => {
  test("are one for each format that the state names, and a new one comes with it", () => {
    const { source, element } = exportsOf(new Session(3, { formats: ["json", "html"] }));
    expect(buttons(element).map((one) => one.textContent)).toEqual(["json", "html"]);
    const [json] = buttons(element);
    source.arrive(1);
    expect(buttons(element)[0]).toBe(json);
    source.tell({ formats: ["json", "html", "mine <b>"] });
    expect(buttons(element).map((one) => one.textContent)).toEqual(["json", "html", "mine <b>"]);
  });

  test("are hidden where there is nothing to export", () => {
    const { source, element } = exportsOf(new Session(0));
    expect(element.hidden).toBe(true);
    source.arrive(1);
    expect(element.hidden).toBe(false);
  });
});

describe("what is exported", () => {
  test("is all at first, what is shown where that is less, and what is selected", () => {
    const { source, scope } = exportsOf(new Session(9));
    expect(scope.value).toBe("all");
    source.tell({ shown: 4 });
    expect(scope.value).toBe("shown");
    source.tell({ selected: 2 });
    expect(scope.value).toBe("selected");
    expect([...scope.options].map((one) => one.textContent)).toEqual([
      "all 9",
      "4 shown",
      "2 selected",
    ]);
    source.tell({ selected: 0, shown: 9 });
    expect(scope.value).toBe("all");
    expect([...scope.options].map((one) => one.disabled)).toEqual([false, false, true]);
  });

  test("is what the reader chose, as long as there is such a thing", () => {
    const { source, scope } = exportsOf(new Session(9, { selected: 2 }));
    choose(scope, "all");
    source.tell({ shown: 4 });
    expect(scope.value).toBe("all");
    choose(scope, "selected");
    source.tell({ selected: 0 });
    expect(scope.value).toBe("shown");
  });

  test.each([
    ["all", 9],
    ["shown", 4],
    ["selected", 2],
  ])("is told: %s", async (name, count) => {
    const { source, element, scope, said } = exportsOf(new Session(9, { shown: 4, selected: 2 }));
    choose(scope, name);
    await run(element);
    expect(source.export.mock.calls[0]![0]).toEqual({
      format: "json",
      scope: name,
      target: "download",
    });
    expect(said[0]).toMatch(new RegExp(`^${count} failures downloaded`));
  });
});

describe("a download", () => {
  test("is handed to the browser, which may take a minute", async () => {
    const { source, element, said } = exportsOf(new Session(1));
    const blob = new Blob(["x".repeat(34_000)]);
    source.export.mockResolvedValueOnce({ filename: "failextract-report.json", blob });
    await run(element);
    expect(downloads).toEqual([{ name: "failextract-report.json", blob }]);
    expect(said).toEqual(["1 failure downloaded as failextract-report.json (34 KB)."]);
    expect(URL.revokeObjectURL).not.toHaveBeenCalled();
    vi.advanceTimersByTime(60_000);
    expect(URL.revokeObjectURL).toHaveBeenCalledTimes(1);
  });

  test("of megabytes is told in megabytes", async () => {
    const { source, element, said } = exportsOf(new Session(2));
    const blob = { size: 12_340_000 } as Blob;
    source.export.mockResolvedValueOnce({ filename: "r.json", blob });
    await run(element);
    const size = new Intl.NumberFormat().format(12.3);
    expect(said).toEqual([`2 failures downloaded as r.json (${size} MB).`]);
  });
});

describe("a file beside the notebook", () => {
  test("is told by its path", async () => {
    const { source, element, target, said } = exportsOf(new Session(3));
    source.export.mockResolvedValueOnce({ filename: "r.json", path: "/nb/r.json" });
    choose(target, "file");
    await run(element);
    expect(source.export.mock.calls[0]![0].target).toBe("file");
    expect(said).toEqual(["3 failures written to /nb/r.json."]);
    expect(downloads).toEqual([]);
  });

  test("cannot be chosen where there is no kernel to write it", () => {
    const source = new Session(3);
    source.canWriteFiles = false;
    expect(exportsOf(source).target.hidden).toBe(true);
    expect(exportsOf(new Session(3)).target.hidden).toBe(false);
  });
});

describe("while an export runs", () => {
  async function running() {
    const made = exportsOf(new Session(3, { formats: ["json", "html"] }));
    const answer = held<Exported>();
    made.source.export.mockReturnValueOnce(answer.promise);
    expect(made.running.hidden).toBe(true);
    await run(made.element);
    const [, progress] = made.source.export.mock.calls[0]!;
    return { ...made, answer, progress };
  }

  test("the buttons wait, those of new formats too, and work again when it is done", async () => {
    const { source, element, running: part, answer } = await running();
    source.tell({ formats: ["json", "html", "mine"] });
    expect(buttons(element).map((one) => one.disabled)).toEqual([true, true, true]);
    expect(part.hidden).toBe(false);
    buttons(element)[2]!.dispatchEvent(new MouseEvent("click"));
    expect(source.export).toHaveBeenCalledTimes(1);
    answer.resolve({ filename: "r.json", blob: new Blob([]) });
    await turns();
    expect(buttons(element).map((one) => one.disabled)).toEqual([false, false, false]);
    expect(part.hidden).toBe(true);
    await run(element, "mine");
    expect(source.export).toHaveBeenCalledTimes(2);
  });

  test("a bar says how far it is, as far as that is known", async () => {
    const { bar, progress } = await running();
    expect(bar.hasAttribute("value")).toBe(false);
    progress.report(0.25);
    expect(bar.value).toBe(0.25);
    progress.report(-1);
    expect(bar.hasAttribute("value")).toBe(false);
  });

  test("it can be cancelled, which is no error", async () => {
    const { element, running: part, answer, progress, said, failed } = await running();
    part.querySelector("button")!.click();
    expect(progress.signal.aborted).toBe(true);
    answer.reject(progress.signal.reason);
    await turns();
    expect(said).toEqual(["The export was cancelled; nothing was written."]);
    expect(failed).not.toHaveBeenCalled();
    expect(part.hidden).toBe(true);
    expect(buttons(element).every((one) => !one.disabled)).toBe(true);
    expect(downloads).toEqual([]);
  });

  test("an error is told, and the buttons work again", async () => {
    const { element, answer, said, failed } = await running();
    const error = new Error("no space left on device");
    answer.reject(error);
    await turns();
    expect(failed.mock.calls).toEqual([[error]]);
    expect(said).toEqual([]);
    expect(buttons(element).every((one) => !one.disabled)).toBe(true);
  });
});

test("a cancel when nothing runs does nothing", async () => {
  const { running, said, failed } = exportsOf(new Session(3));
  running.querySelector("button")!.click();
  await turns();
  expect([said, failed.mock.calls]).toEqual([[], []]);
});
