import { expect, test, vi } from "vitest";
import { Connection } from "../src/lab/connection.js";
import { VERSION } from "../src/table/protocol.js";
import { Session, held, settled } from "./fake.js";
import { Comm, FakeKernel, glance } from "./lab.js";

const LOAD = "%load_ext failextract_nb";
const cell = { count: 1, run: 1, line: 1, message: "no", failure: "id" };
const state = (more = {}) => ({ type: "state", table: { ...new Session(2).state, ...more } });

/** A connection to a kernel, when all that it asked is answered; `changed` counts its news. */
async function connect(set: Partial<FakeKernel> = {}, loadsAtStart = () => false) {
  const kernel = Object.assign(new FakeKernel(), set);
  const connection = new Connection(kernel.connection, loadsAtStart);
  const changed = vi.fn();
  connection.changed.connect(changed);
  await settled();
  return { kernel, connection, changed };
}

/** The same, with the extension loaded and a first glance. */
async function loaded() {
  const made = await connect({ isLoaded: true });
  made.kernel.say(glance({ cells: { a: cell } }));
  return made;
}

// --- finding the kernel's side

test("where the extension is loaded, its comm is found, and the page says that it is there", async () => {
  const { kernel, connection, changed } = await connect({ isLoaded: true });
  expect(kernel.asked).toEqual(["comm_info"]);
  expect(kernel.comm!.sent).toEqual([{ v: VERSION, type: "glance" }]);
  expect(connection.standing).toBe("starting");
  kernel.say(glance({ total: 3, unseen: 2, cells: { a: cell } }));
  expect(connection.standing).toBe("loaded");
  expect(connection.glance).toMatchObject({ total: 3, unseen: 2 });
  expect([...connection.cells]).toEqual([["a", cell]]);
  expect(changed).toHaveBeenCalledTimes(1);
});

test("where it is not loaded, it is asked once; when it is loaded later, it says so itself", async () => {
  const { kernel, connection } = await connect();
  expect(connection.standing).toBe("absent");
  kernel.iopubMessage.emit({ header: { msg_type: "stream" }, content: {} });
  for (const content of [
    { comm_id: "other", data: { type: "loaded" } },
    { comm_id: "failextract_nb", data: glance() }, // late, as the extension was unloaded meanwhile
  ])
    kernel.iopubMessage.emit({ header: { msg_type: "comm_msg" }, content });
  expect(kernel.comm).toBeNull();
  kernel.load();
  kernel.say(glance());
  expect(connection.standing).toBe("loaded");
  const { comm } = kernel;
  kernel.load();
  expect(kernel.comm).toBe(comm);
  expect(kernel.asked).toEqual(["comm_info"]);
});

test("a kernel of another language is asked nothing", async () => {
  const { kernel, connection } = await connect({ language: "julia" }, () => true);
  kernel.connectionStatusChanged.emit("connected");
  kernel.load();
  await settled();
  expect([connection.standing, connection.language]).toEqual(["foreign", "julia"]);
  expect([kernel.asked, kernel.comm]).toEqual([[], null]);
});

test("a subshell that starts is waited for, but not longer than a moment", async () => {
  const starts = held<void>();
  const nextComm = Object.assign(new Comm(), { subshellStarted: starts.promise });
  const { kernel } = await connect({ isLoaded: true, supportsSubshells: true, nextComm });
  expect(kernel.comm!.kinds).toEqual([]);
  starts.reject(new Error("no subshell"));
  await settled();
  expect(kernel.comm!.kinds).toEqual(["glance"]);

  vi.useFakeTimers();
  kernel.nextComm.subshellStarted = new Promise(() => {});
  kernel.unload();
  kernel.load();
  await vi.advanceTimersByTimeAsync(499);
  expect(kernel.comm!.kinds).toEqual([]);
  await vi.advanceTimersByTimeAsync(1);
  expect(kernel.comm!.kinds).toEqual(["glance"]);
  vi.useRealTimers();
});

// --- loading it when the kernel starts

test("it is loaded where that is wished for, once for each start", async () => {
  const { kernel, connection } = await connect({}, () => true);
  expect(kernel.asked).toEqual([LOAD, "comm_info"]);
  expect(kernel.comm!.kinds).toEqual(["glance"]);
  kernel.restart();
  await settled();
  expect(kernel.asked).toEqual([LOAD, "comm_info", LOAD, "comm_info"]);
  kernel.say(glance());
  expect([connection.standing, connection.refused]).toEqual(["loaded", ""]);
});

test("where it cannot be loaded it is tried once, and the kernel's words are told", async () => {
  const replies = [{ status: "error", ename: "ModuleNotFoundError", evalue: "no such" }];
  const { kernel, connection } = await connect({ replies }, () => true);
  expect(kernel.asked).toEqual([LOAD, "comm_info"]);
  expect(connection).toMatchObject({
    standing: "absent",
    refused: "ModuleNotFoundError: no such",
  });
  await connection.load();
  kernel.say(glance());
  expect(connection).toMatchObject({ standing: "loaded", wrong: "" });
});

test("a cell that fails before it is loaded does not keep it from being loaded", async () => {
  const { kernel } = await connect({ replies: [{ status: "aborted" }] }, () => true);
  expect(kernel.asked).toEqual([LOAD, LOAD, "comm_info"]);
  expect(kernel.isLoaded).toBe(true);
});

// --- what becomes of it

test("after a restart nothing of the old kernel is left, and the new one is asked", async () => {
  const { kernel, connection } = await loaded();
  const pending = connection.source();
  kernel.restart();
  expect(connection).toMatchObject({ standing: "starting", glance: null, wrong: "" });
  expect(connection.cells.size).toBe(0);
  await expect(pending).rejects.toThrow("The kernel is gone.");
  await settled();
  expect(connection.standing).toBe("absent");
  kernel.load();
  kernel.say(glance());
  const source = connection.source();
  kernel.say(state());
  expect((await source).state.total).toBe(2);
  expect(kernel.comm!.kinds).toEqual(["glance", "hello", "hello"]);
});

test("a kernel that goes away while it is asked is asked again when it is idle", async () => {
  const { kernel, connection } = await connect({ isGone: true, isLoaded: true });
  expect(connection.standing).toBe("starting");
  kernel.isGone = false;
  kernel.statusChanged.emit("idle");
  await settled();
  expect(kernel.asked).toEqual(["comm_info", "comm_info"]);
  expect(kernel.comm!.kinds).toEqual(["glance"]);
});

test("a dead kernel says nothing, and one that comes back is asked", async () => {
  const { kernel, connection, changed } = await loaded();
  kernel.statusChanged.emit("dead");
  expect(connection).toMatchObject({ standing: "dead", glance: null });
  connection.tell("seen", {});
  kernel.connectionStatusChanged.emit("connected");
  kernel.statusChanged.emit("starting");
  expect(connection.standing).toBe("starting");
  await settled();
  kernel.say(glance());
  expect(connection.standing).toBe("loaded");
  kernel.disposed.emit();
  expect(connection.standing).toBe("dead");
  const news = changed.mock.calls.length;
  kernel.statusChanged.emit("idle");
  await settled();
  expect(changed).toHaveBeenCalledTimes(news);
});

test("where the extension is unloaded its failures are gone, until it is loaded again", async () => {
  const { kernel, connection, changed } = await loaded();
  changed.mockClear();
  kernel.unload();
  expect(connection).toMatchObject({ standing: "absent", glance: null });
  expect(changed).toHaveBeenCalledTimes(1);
  kernel.load();
  kernel.say(glance({ total: 1 }));
  expect(connection).toMatchObject({ standing: "loaded", glance: { total: 1 } });
});

test("what the page has missed off line it asks for", async () => {
  const { kernel, connection } = await loaded();
  kernel.connectionStatusChanged.emit("connecting");
  expect(kernel.comm!.kinds).toEqual(["glance"]);
  kernel.connectionStatusChanged.emit("connected");
  await settled();
  expect(kernel.comm!.kinds).toEqual(["glance", "glance"]);
  expect(connection.standing).toBe("loaded");

  kernel.isLoaded = false; // meanwhile
  kernel.connectionStatusChanged.emit("connected");
  await settled();
  expect([connection.standing, kernel.hasComm()]).toEqual(["absent", false]);

  kernel.isLoaded = true;
  kernel.connectionStatusChanged.emit("connected");
  await settled();
  expect(kernel.comm!.kinds).toEqual(["glance"]);
});

// --- what it says

test("cells that a glance does not name are as they were, unless it tells all anew", async () => {
  const { kernel, connection } = await loaded();
  kernel.say(glance({ anew: false, cells: { b: cell } }));
  expect([...connection.cells.keys()]).toEqual(["a", "b"]);
  kernel.say(glance({ anew: false, cells: { a: { ...cell, count: 2 } } }));
  expect(connection.cells.get("a")!.count).toBe(2);
  kernel.say(glance({ cells: { c: cell } }));
  expect([...connection.cells.keys()]).toEqual(["c"]);
});

test("a kernel that cannot be understood is told, until it can", async () => {
  const { kernel, connection } = await loaded();
  for (const [said, why] of [
    [glance({ v: VERSION + 1 }), "restart the kernel and reload the page"],
    [{ ...glance(), unseen: "1" }, "its unseen is no number"],
    [{ type: "refused", message: "the page speaks version 1" }, "the page speaks version 1"],
  ] as const) {
    kernel.say(said);
    expect(connection.standing).toBe("loaded");
    expect(connection.wrong).toContain(why);
  }
  kernel.say(glance());
  expect(connection.wrong).toBe("");
});

test("notices carry the version and their fields", async () => {
  const { kernel, connection } = await loaded();
  connection.tell("capture", { on: false });
  expect(kernel.comm!.sent.at(-1)).toEqual({ v: VERSION, type: "capture", on: false });
});

// --- what a table is drawn from

test("there is one source, and it follows what the kernel says", async () => {
  const { kernel, connection } = await loaded();
  const asked = connection.source();
  expect(connection.source()).toBe(asked);
  expect(kernel.comm!.sent.at(-1)).toEqual({ v: VERSION, id: 0, type: "hello" });
  kernel.say(state());
  const source = await asked;
  kernel.say(state({ version: 5, total: 7 }));
  expect(source.state.total).toBe(7);
  const window = source.window(0, 1);
  const { id } = kernel.comm!.sent.at(-1)!;
  kernel.say({ v: VERSION, id, type: "window", version: 5, start: 0, lines: 0, rows: [] });
  expect((await window).lines).toBe(0);
  kernel.unload();
  await expect(source.window(0, 1)).rejects.toThrow("kernel of these failures is gone");
});

test("where the first lines are refused, who asks again is answered", async () => {
  const { kernel, connection } = await loaded();
  const first = connection.source();
  kernel.say({ v: VERSION, id: 99, type: "error", message: "to another view" });
  kernel.say({ v: VERSION, id: 0, type: "error", message: "interrupted; ask again" });
  await expect(first).rejects.toThrow("interrupted; ask again");

  const second = connection.source();
  kernel.say(state({ v: VERSION + 1 }));
  await expect(second).rejects.toThrow("different versions");

  const third = connection.source();
  kernel.say(state());
  expect((await third).state.total).toBe(2);
});
