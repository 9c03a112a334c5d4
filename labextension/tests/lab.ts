/** A kernel as JupyterLab's services show it to a page, with our extension loaded in it or not. */
import type { Kernel } from "@jupyterlab/services";
import { Signal } from "@lumino/signaling";
import { VERSION, type Glance } from "../src/table/protocol.js";

const TARGET = "failextract_nb";

export const glance = (more: Partial<Glance> = {}) => ({
  v: VERSION,
  type: "glance",
  total: 0,
  unseen: 0,
  capture: true,
  formats: ["json"],
  anew: true,
  cells: {},
  last: "",
  ...more,
});

/** The page's end of the comm: what it sends is kept. */
export class Comm {
  readonly sent: Record<string, unknown>[] = [];
  isDisposed = false;
  onMsg = (_message: unknown) => {};
  onClose = () => {};
  subshellStarted: Promise<void> | undefined;

  send(data: Record<string, unknown>): void {
    if (this.isDisposed) throw new Error("Cannot send");
    this.sent.push(data);
  }
  dispose(): void {
    this.isDisposed = true;
  }
  get kinds() {
    return this.sent.map(({ type }) => type);
  }
}

export class FakeKernel {
  readonly statusChanged = new Signal<this, string>(this);
  readonly connectionStatusChanged = new Signal<this, string>(this);
  readonly iopubMessage = new Signal<this, unknown>(this);
  readonly disposed = new Signal<this, void>(this);
  readonly handleComms = true;
  supportsSubshells = false;
  language = "python";
  isLoaded = false; // our extension
  isGone = false;
  replies: object[] = []; // to what is executed; where there are none it does well
  readonly asked: string[] = [];
  comm: Comm | null = null; // the newest that the page has made
  nextComm = new Comm();

  get info() {
    return Promise.resolve({ language_info: { name: this.language } });
  }

  async requestCommInfo() {
    return { content: await this.#answer("comm_info", () => this.#comms) };
  }
  requestExecute({ code }: { code: string }) {
    return { done: this.#answer(code, () => this.#executed).then((content) => ({ content })) };
  }
  hasComm(): boolean {
    return this.comm !== null && !this.comm.isDisposed;
  }
  createComm(): Comm {
    this.comm = this.nextComm;
    this.nextComm = new Comm();
    return this.comm;
  }

  /** As JupyterLab has it: the kernel is known to be idle before an answer is. */
  async #answer<T>(asked: string, answer: () => T): Promise<T> {
    this.asked.push(asked);
    await Promise.resolve();
    if (this.isGone) throw new Error("Canceled future");
    const answered = answer();
    this.statusChanged.emit("busy");
    this.statusChanged.emit("idle");
    await Promise.resolve();
    return answered;
  }
  get #comms() {
    return { status: "ok", comms: this.isLoaded ? { [TARGET]: { target_name: TARGET } } : {} };
  }
  get #executed(): object {
    const reply = this.replies.shift();
    if (!reply) this.load();
    return reply ?? { status: "ok" };
  }

  /** The extension is loaded, and says so. */
  load(): void {
    this.isLoaded = true;
    const header = { msg_type: "comm_msg" };
    this.iopubMessage.emit({ header, content: { comm_id: TARGET, data: { type: "loaded" } } });
  }
  /** The extension is unloaded: its comm closes. */
  unload(): void {
    this.isLoaded = false;
    this.comm?.onClose();
    this.comm?.dispose();
  }
  restart(): void {
    this.isLoaded = false;
    this.statusChanged.emit("restarting");
    this.comm?.dispose();
    this.statusChanged.emit("starting");
    this.statusChanged.emit("idle");
  }
  say(data: unknown, buffers: DataView[] = []): void {
    this.comm!.onMsg({ content: { data }, buffers });
  }
  get connection() {
    return this as unknown as Kernel.IKernelConnection;
  }
}
