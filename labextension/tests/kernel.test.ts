import type { AnyModel } from "@anywidget/types";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { KernelSource } from "../src/kernel.js";
import { VERSION, type State } from "../src/table/protocol.js";
import { Model, Session } from "./fake.js";

const state = (more: Partial<State> = {}): State => ({ ...new Session(3).state, ...more });

function kernel(first: unknown = state()) {
  const model = new Model(first);
  const source = new KernelSource(model as unknown as AnyModel);
  return { model, source };
}

/** What was promised up to now has happened, without a clock. */
const settled = async () => {
  for (let turn = 0; turn < 20; turn += 1) await Promise.resolve();
};

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

describe("requests", () => {
  test("say hello first, to hear what happened since the state was saved", () => {
    const { model } = kernel();
    expect(model.sent).toEqual([{ v: VERSION, id: expect.any(Number), type: "hello" }]);
  });

  test("carry the version, an id of their own, their type and their fields", async () => {
    const { model, source } = kernel();
    void source.window(0, 10);
    void source.window(5, 10, "f3");
    void source.show({ search: "x" });
    void source.select("all");
    void source.select("add", ["f1"]);
    void source.detail("id-1");
    void source.facets("type");
    void source.clear();
    void source.undo();
    expect(model.sent.slice(1).map(({ v: _v, id: _id, ...rest }) => rest)).toEqual([
      { type: "window", start: 0, count: 10 },
      { type: "window", start: 5, count: 10, anchor: "f3" },
      { type: "show", search: "x" },
      { type: "select", how: "all" },
      { type: "select", how: "add", keys: ["f1"] },
      { type: "detail", failure: "id-1" },
      { type: "facets", name: "type" },
      { type: "clear" },
      { type: "undo" },
    ]);
    expect(new Set(model.sent.map(({ v }) => v))).toEqual(new Set([VERSION]));
    expect(new Set(model.sent.map(({ id }) => id)).size).toBe(model.sent.length);
  });

  test("of two views of one table have different ids", () => {
    const [one, other] = [kernel(), kernel()];
    expect(one.model.last.id).not.toBe(other.model.last.id);
  });
});

describe("replies", () => {
  test("settle the request with their id, in whatever order they come", async () => {
    const { model, source } = kernel();
    const [cleared, undone] = [source.clear(), source.undo()];
    const [, first, second] = model.sent;
    model.reply({ count: 2 }, [], second);
    model.reply({ count: 1 }, [], first);
    expect(await Promise.all([cleared, undone])).toEqual([1, 2]);
  });

  test("to other views, or to nobody, are passed over", async () => {
    const { model, source } = kernel();
    const cleared = source.clear();
    model.reply({ id: "of another page-2", count: 9 });
    model.reply({ id: undefined, count: 9 });
    model.reply({ count: 1 });
    model.reply({ count: 9 }); // once more
    expect(await cleared).toBe(1);
  });

  test("that are errors reject with the kernel's words", async () => {
    const { model, source } = kernel();
    const asked = source.detail("gone");
    model.reply({ type: "error", message: "this failure is not kept any more" });
    await expect(asked).rejects.toThrow(/^this failure is not kept any more$/);
    const again = source.detail("gone");
    model.reply({ type: "error" });
    await expect(again).rejects.toThrow("The kernel could not answer.");
  });

  test("that cannot be read reject, and say why", async () => {
    const { model, source } = kernel();
    const asked = source.window(0, 10);
    model.reply({ version: 1, start: 0, lines: "3", rows: [] });
    await expect(asked).rejects.toThrow("cannot be read: its lines is no number");
    const detail = source.detail("x");
    model.reply({ record: "{" });
    await expect(detail).rejects.toThrow(SyntaxError);
  });

  test("give what was asked for", async () => {
    const { model, source } = kernel();
    const lines = source.window(0, 10);
    model.reply({ version: 4, start: 0, lines: 1, rows: [{ key: "f1" }] });
    expect(await lines).toMatchObject({ version: 4, start: 0, lines: 1, rows: [{ key: "f1" }] });
    const detail = source.detail("x");
    model.reply({ record: '{\n  "id": "x"\n}' });
    expect(await detail).toEqual({ failure: { id: "x" }, json: '{\n  "id": "x"\n}' });
    const facet = { name: "type", values: [], more: 2 };
    const facets = source.facets("type");
    model.reply({ values: [facet] });
    expect(await facets).toEqual(facet);
    const none = source.facets("tag");
    model.reply({ values: [] });
    expect(await none).toEqual({ name: "tag", values: [], more: 0 });
    const shown = source.show({ grouped: false });
    model.reply({ version: 5 });
    await shown;
    const picked = source.select("none");
    model.reply({ version: 6 });
    await picked;
  });

  test("to hello or stop that are errors do no harm", async () => {
    const { model } = kernel();
    model.reply({ type: "error", message: "the disk is full" });
    await settled(); // vitest fails where a rejection is nobody's
  });
});

describe("the state", () => {
  test("is told to those who listen, until they do not", () => {
    const { model, source } = kernel();
    const listener = vi.fn();
    const stop = source.subscribe(listener);
    model.become(state({ version: 2, total: 4 }));
    expect(source.state.total).toBe(4);
    stop();
    model.become(state({ version: 3 }));
    expect(listener).toHaveBeenCalledTimes(1);
  });

  test("of an older version is passed over", () => {
    const { model, source } = kernel(state({ version: 5, total: 5 }));
    const listener = vi.fn();
    source.subscribe(listener);
    model.become(state({ version: 4, total: 4 }));
    expect(source.state.total).toBe(5);
    expect(listener).not.toHaveBeenCalled();
  });

  test("of another protocol is an error that says what to do", () => {
    expect(() => kernel({ ...state(), v: VERSION + 1 })).toThrow(
      "restart the kernel and reload the page",
    );
  });

  test("that cannot be followed later is told, and what was seen stays", () => {
    const { model, source } = kernel(state({ version: 3, total: 5 }));
    model.become({ ...state({ version: 4 }), v: VERSION + 1 });
    expect(source.wrong).toContain("restart the kernel and reload the page");
    expect(source.state.total).toBe(5);
    model.become(state({ version: 5, total: 6 }));
    expect([source.wrong, source.state.total]).toEqual(["", 6]);
  });

  test("that cannot be read is an error that says so", () => {
    expect(() => kernel(null)).toThrow("cannot be read: it is no object");
    expect(() => kernel({ ...state(), rows: null })).toThrow("its rows is no rows");
  });
});

describe("a kernel that does not answer", () => {
  test("is waited for in silence for a moment, then that is told", async () => {
    const { model, source } = kernel();
    const listener = vi.fn();
    source.subscribe(listener);
    model.reply({});
    const cleared = source.clear();
    await vi.advanceTimersByTimeAsync(1_400);
    expect(source.isWaiting).toBe(false);
    await vi.advanceTimersByTimeAsync(200);
    expect(source.isWaiting).toBe(true);
    expect(listener).toHaveBeenCalledTimes(1);
    model.reply({ count: 3 });
    expect(await cleared).toBe(3);
    expect(source.isWaiting).toBe(false);
    expect(listener).toHaveBeenCalledTimes(2);
  });

  test("is waited for while one of several answers is missing", async () => {
    const { model, source } = kernel();
    void source.clear();
    const [hello, clear] = model.sent;
    await vi.advanceTimersByTimeAsync(2_000);
    model.reply({}, [], hello);
    expect(source.isWaiting).toBe(true);
    model.reply({ count: 0 }, [], clear);
    expect(source.isWaiting).toBe(false);
  });

  test("is nothing to tell where it answers in time, with an error or not", async () => {
    const { model, source } = kernel();
    model.reply({});
    const cleared = source.clear();
    const caught = cleared.catch(() => "caught");
    model.reply({ type: "error", message: "no" });
    expect(await caught).toBe("caught");
    expect(vi.getTimerCount()).toBe(0);
    await vi.advanceTimersByTimeAsync(10_000);
    expect(source.isWaiting).toBe(false);
  });
});

test("dispose leaves nothing behind at the model, and tells nobody any more", () => {
  const { model, source } = kernel();
  const listener = vi.fn();
  source.subscribe(listener);
  expect(model.listening).toBe(2);
  source.dispose();
  expect(model.listening).toBe(0);
  model.become(state({ version: 9 }));
  expect(listener).not.toHaveBeenCalled();
});

describe("an export", () => {
  const asked = { format: "json", scope: "all", target: "download" };

  /** One that the kernel has begun; `report` is told how far it is. */
  async function begun(request = asked) {
    const { model, source } = kernel();
    const abort = new AbortController();
    const report = vi.fn<(share: number) => void>();
    const exported = source.export(request, { report, signal: abort.signal });
    expect(model.last).toMatchObject({ type: "export", ...request });
    model.reply({ job: "7", filename: "failextract-report.json" });
    await settled();
    return { model, abort, report, exported };
  }
  const next = async (model: Model, fields: object, buffers?: DataView[]) => {
    expect(model.last).toMatchObject({ type: "next", job: "7" });
    model.reply(fields, buffers);
    await settled();
  };
  const view = (text: string, before = 0) => {
    const { buffer } = new TextEncoder().encode(`${"-".repeat(before)}${text}---`);
    return new DataView(buffer, before, text.length);
  };

  test("is asked for piece by piece until it is done, and put together", async () => {
    const { model, report, exported } = await begun();
    await next(model, { done: false, progress: 0.4 }, [view("one ", 8), view("two ")]);
    await next(model, { done: false, progress: -1 });
    await next(model, { done: true, progress: 1 }, [view("three", 3)]);
    const { filename, blob, path } = await exported;
    expect([filename, await blob!.text(), path]).toEqual([
      "failextract-report.json",
      "one two three",
      undefined,
    ]);
    expect(report.mock.calls).toEqual([[0.4], [-1], [1]]);
  });

  test("into a file has its path and nothing to download", async () => {
    const { model, exported } = await begun({ ...asked, target: "file" });
    await next(model, { done: true, progress: 1, path: "/nb/failextract-report.json" });
    const filename = "failextract-report.json";
    expect(await exported).toEqual({ filename, path: "/nb/failextract-report.json" });
  });

  test("that cannot begin or go on rejects with the kernel's words", async () => {
    const { model, source } = kernel();
    const { signal } = new AbortController();
    const refused = source.export(asked, { report: vi.fn(), signal });
    model.reply({ type: "error", message: "there is no format json" });
    await expect(refused).rejects.toThrow("there is no format json");
    const full = await begun();
    full.model.reply({ type: "error", message: "no space left on device" });
    await expect(full.exported).rejects.toThrow("no space left on device");
  });

  test("that is cancelled stops the kernel's work, though it does not answer", async () => {
    const { model, abort, exported } = await begun();
    const caught = exported.catch((error: unknown) => error);
    const before = model.last;
    const reason = new Error("cancelled");
    abort.abort(reason);
    await settled();
    expect(model.last).toMatchObject({ type: "stop", job: "7" });
    expect(await caught).toBe(reason);
    model.reply({ type: "error", message: "there is no such job" }, [], model.last);
    model.reply({ done: false, progress: 0.5 }, [], before); // comes too late
    await settled();
    expect(model.last.type).toBe("stop");
  });

  test.each([
    [{ done: false, progress: 0.5 }, new Error("cancelled")],
    [
      { done: true, progress: 1, path: "/nb/x.json" },
      { filename: "failextract-report.json", path: "/nb/x.json" },
    ],
  ])(
    "into a file that is cancelled tells what the kernel had done by then: %o",
    async (last, told) => {
      const { model, abort, exported } = await begun({ ...asked, target: "file" });
      const isOver = vi.fn();
      const found = exported.catch((error: unknown) => error).finally(isOver);
      const before = model.last;
      abort.abort(new Error("cancelled"));
      await settled();
      model.reply(last, [], before);
      await settled();
      expect(isOver).not.toBeCalled();
      model.reply({}, [], model.last);
      expect(await found).toEqual(told);
    },
  );

  test("into a file that is cancelled while the kernel is silent is not waited for", async () => {
    const { abort, exported } = await begun({ ...asked, target: "file" });
    const caught = exported.catch((error: unknown) => error);
    abort.abort(new Error("cancelled"));
    await vi.advanceTimersByTimeAsync(2_000);
    const said = "The kernel does not answer; it may still write the file.";
    expect(await caught).toEqual(new Error(said));
  });

  test("that is cancelled before it begins is stopped as soon as it is known", async () => {
    const { model, source } = kernel();
    const abort = new AbortController();
    const exported = source.export(asked, { report: vi.fn(), signal: abort.signal });
    const caught = exported.catch((error: unknown) => error);
    abort.abort(new Error("cancelled"));
    model.reply({ job: "8", filename: "x.json" }, [], model.sent.at(-1)!);
    await settled();
    expect(await caught).toEqual(new Error("cancelled"));
    expect(model.last).toMatchObject({ type: "stop", job: "8" });
  });
});

test("dispose ends what still waits for an answer", async () => {
  const { source } = kernel();
  const window = source.window(0, 10);
  source.dispose();
  await expect(window).rejects.toThrow("The kernel of these failures is gone.");
});
