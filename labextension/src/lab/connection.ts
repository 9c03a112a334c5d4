import type { Kernel, KernelMessage } from "@jupyterlab/services";
import { Signal } from "@lumino/signaling";
import { KernelSource, type Channel } from "../kernel.js";
import {
  checkedGlance,
  VERSION,
  type CellFailures,
  type Glance,
  type Notice,
  type NoticeName,
} from "../table/protocol.js";

const TARGET = "failextract_nb"; // of the kernel's comm, and its id
const PATIENCE = 500; // milliseconds that a subshell may take to start
const CODE = "%load_ext failextract_nb";

/** How far a page has come with a kernel. */
export type Standing =
  | "starting" // not known yet
  | "foreign" // it speaks another language than Python
  | "absent" // the extension is not loaded
  | "loaded"
  | "dead";

/** One kernel's failures, over the comm that the extension opens there. */
export class Connection {
  /** Emits after anything below has changed. */
  readonly changed = new Signal<this, void>(this);
  standing: Standing = "starting";
  language = "";
  wrong = ""; // why nothing can be told; "" where it can
  refused = ""; // why the extension was not loaded when the kernel started
  glance: Glance | null = null;
  readonly cells = new Map<string, CellFailures>(); // by id
  #comm: Kernel.IComm | null = null;
  #attempt = 0;
  #source: Promise<KernelSource> | null = null;
  #lastSource: KernelSource | null = null;
  #state: unknown = undefined;
  readonly #onState = new Set<() => void>();
  readonly #onCustom = new Set<(message: unknown, buffers: DataView[]) => void>();

  /** `loadsAtStart` is asked whenever the kernel has started. */
  constructor(
    readonly kernel: Kernel.IKernelConnection,
    private readonly loadsAtStart: () => boolean,
  ) {
    kernel.statusChanged.connect(this.#onStatus);
    kernel.connectionStatusChanged.connect(this.#onLine);
    kernel.disposed.connect(() => this.dispose());
    void this.#connect();
  }

  /** Whether it can answer while a cell runs. */
  get answersWhileBusy(): boolean {
    return this.kernel.supportsSubshells === true;
  }

  dispose(): void {
    if (this.standing === "dead") return;
    this.#forget("dead");
    this.kernel.statusChanged.disconnect(this.#onStatus);
    this.kernel.connectionStatusChanged.disconnect(this.#onLine);
    this.changed.emit();
    Signal.clearData(this);
  }

  /** Lets the kernel know something that it does not answer. */
  tell<N extends NoticeName>(kind: N, fields: Notice<N>): void {
    if (this.#comm && !this.#comm.isDisposed)
      this.#comm.send({ ...fields, v: VERSION, type: kind });
  }

  /** Loads the extension.  Rejects with an Error in the kernel's words. */
  async load(): Promise<void> {
    const future = this.kernel.requestExecute({
      code: CODE,
      silent: true,
      store_history: false,
      stop_on_error: false,
      allow_stdin: false,
    });
    const { content } = await future.done;
    if (content.status === "error") throw new Error(`${content.ename}: ${content.evalue}`);
  }

  /** What a table is drawn from, when the kernel has sent its first lines. */
  source(): Promise<KernelSource> {
    this.#source ??= this.#firstState().then(
      () => (this.#lastSource = new KernelSource(this.#channel)),
    );
    return this.#source;
  }

  // --- finding the kernel's side

  async #connect(): Promise<void> {
    const attempt = ++this.#attempt;
    try {
      const info = await this.kernel.info;
      this.language = info.language_info.name;
      if (attempt !== this.#attempt) return;
      if (this.language !== "python") {
        this.#stand("foreign");
        return;
      }
      this.kernel.iopubMessage.connect(this.#onAnnounced);
      if (this.loadsAtStart())
        await this.load().catch((error: Error) => (this.refused = error.message));
      const { content } = await this.kernel.requestCommInfo({ target_name: TARGET });
      if (attempt !== this.#attempt || this.#comm) return;
      if (content.status === "ok" && TARGET in content.comms) await this.#open();
      else this.#stand("absent");
    } catch {
      // The kernel went away while it was asked; its status tells what comes next.
    }
  }

  readonly #onAnnounced = (_: unknown, message: KernelMessage.IIOPubMessage): void => {
    if (message.header.msg_type !== "comm_msg") return;
    if ((message.content as { comm_id?: string }).comm_id === TARGET) void this.#open();
  };

  async #open(): Promise<void> {
    if (this.#comm || this.kernel.hasComm(TARGET)) return;
    this.kernel.iopubMessage.disconnect(this.#onAnnounced);
    const comm = (this.#comm = this.kernel.createComm(TARGET, TARGET));
    comm.onMsg = ({ content, buffers }) => {
      this.#received(content.data, (buffers ?? []) as DataView[]);
    };
    comm.onClose = () => {
      this.#forget("absent");
      this.kernel.iopubMessage.connect(this.#onAnnounced);
      this.changed.emit();
    };
    // What is sent before the subshell has started waits for the cell that runs.
    const { subshellStarted } = comm as { subshellStarted?: Promise<void> };
    if (this.answersWhileBusy && subshellStarted)
      await Promise.race([subshellStarted, new Promise((late) => setTimeout(late, PATIENCE))]);
    this.tell("glance", {});
  }

  readonly #onStatus = (_: unknown, status: Kernel.Status): void => {
    if (status === "restarting" || status === "autorestarting") {
      this.#forget("starting");
      this.changed.emit();
    } else if (status === "dead" || status === "terminating") {
      this.#forget("dead");
      this.changed.emit();
    } else if (this.standing === "dead") {
      this.#stand("starting");
      void this.#connect();
    } else if (status === "idle" && this.standing === "starting" && !this.#comm) {
      void this.#connect();
    }
  };

  /** What was told while the page was off line, it has missed. */
  readonly #onLine = (_: unknown, status: Kernel.ConnectionStatus): void => {
    if (status === "connected") this.tell("glance", {});
  };

  #stand(standing: Standing): void {
    this.standing = standing;
    this.changed.emit();
  }

  #forget(standing: Standing): void {
    this.#attempt += 1;
    this.kernel.iopubMessage.disconnect(this.#onAnnounced);
    this.standing = standing;
    if (this.#comm && !this.#comm.isDisposed) this.#comm.dispose();
    this.#comm = null;
    this.glance = null;
    this.cells.clear();
    this.#lastSource?.dispose();
    this.#lastSource = this.#source = null;
    this.#state = undefined;
    this.wrong = this.refused = "";
  }

  // --- what it says

  #received(data: unknown, buffers: DataView[]): void {
    const { type, message } = data as { type?: string; message?: string };
    if (type === "glance") this.#glanced(data);
    else if (type === "refused") this.#fail(message ?? "");
    else if (type === "state") {
      this.#state = (data as { state?: unknown }).state;
      for (const listener of [...this.#onState]) listener();
    } else for (const listener of [...this.#onCustom]) listener(data, buffers);
  }

  #glanced(data: unknown): void {
    try {
      this.glance = checkedGlance(data);
    } catch (error) {
      this.#fail((error as Error).message);
      return;
    }
    if (this.glance.anew) this.cells.clear();
    for (const [id, failures] of Object.entries(this.glance.cells)) this.cells.set(id, failures);
    this.wrong = "";
    this.#stand("loaded");
  }

  #fail(why: string): void {
    this.wrong = why;
    this.#stand("loaded");
  }

  #firstState(): Promise<void> {
    return new Promise((resolve, reject) => {
      const done = () => {
        this.#onState.delete(done);
        this.#onCustom.delete(refused);
        resolve();
      };
      const refused = (message: unknown) => {
        const { type, message: why } = message as { type?: string; message?: string };
        if (type !== "error") return;
        this.#onState.delete(done);
        this.#onCustom.delete(refused);
        this.#source = null;
        reject(new Error(why));
      };
      this.#onState.add(done);
      this.#onCustom.add(refused);
      this.#comm?.send({ v: VERSION, id: 0, type: "hello" });
    });
  }

  /** The comm, as a source of the table knows a widget's model. */
  readonly #channel: Channel = {
    get: () => this.#state,
    on: (event: string, callback: (message: unknown, buffers: DataView[]) => void) => {
      if (event === "msg:custom") this.#onCustom.add(callback);
      else this.#onState.add(callback as () => void);
    },
    off: (event: string, callback: (message: unknown, buffers: DataView[]) => void) => {
      if (event === "msg:custom") this.#onCustom.delete(callback);
      else this.#onState.delete(callback as () => void);
    },
    send: (message: unknown) => {
      if (!this.#comm || this.#comm.isDisposed) throw new Error("the kernel is gone");
      this.#comm.send(message as never);
    },
  };
}
