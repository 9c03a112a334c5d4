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
import { t } from "../table/words.js";
import { answersWhileBusy, openComm, type Comm } from "./comm.js";

const TARGET = "failextract_nb"; // of the kernel's comm, and its id
const PATIENCE = 500; // milliseconds that a subshell may take to start
const CODE = "%load_ext failextract_nb";
const FIRST = 0; // the number of the request for the first state

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
  wrong = ""; // why nothing can be told; "" where it can
  refused = ""; // why the extension was not loaded when the kernel started
  glance: Glance | null = null;
  readonly cells = new Map<string, CellFailures>(); // by id
  #comm: Comm | null = null;
  #attempt = 0;
  #isAsking = false; // whether the kernel is asked if the extension is loaded
  #loading: Promise<void> | null = null; // since the kernel has started
  #source: Promise<KernelSource> | null = null;
  #lastSource: KernelSource | null = null;
  #state: unknown = undefined;
  #lose = () => {}; // lets those know who wait for the first state
  readonly #onState = new Set<() => void>();
  readonly #onCustom = new Set<(message: unknown, buffers: DataView[]) => void>();

  /** `loadsAtStart` is asked whenever the kernel has started; a `language` saves asking for it. */
  constructor(
    readonly kernel: Kernel.IKernelConnection,
    private readonly loadsAtStart: () => boolean | Promise<boolean>,
    public language = "",
  ) {
    kernel.statusChanged.connect(this.#onStatus);
    kernel.connectionStatusChanged.connect(this.#onLine);
    kernel.disposed.connect(() => this.dispose());
    void this.#connect();
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
    if (content.status === "aborted") await this.load(); // a cell before it has failed
  }

  /** What a table is drawn from, when the kernel has sent its first lines. */
  source(): Promise<KernelSource> {
    if (this.#source) return this.#source;
    const source = this.#firstState().then(
      () => (this.#lastSource = new KernelSource(this.#channel)),
    );
    source.catch(() => {
      if (this.#source === source) this.#source = null; // who asks again tries again
    });
    return (this.#source = source);
  }

  // --- finding the kernel's side

  async #connect(isNew = true): Promise<void> {
    const attempt = ++this.#attempt;
    this.#isAsking = true;
    if (isNew) this.#loading ??= this.#loadAtStart();
    try {
      const info = await this.kernel.info;
      this.language = info.language_info.name;
      if (attempt !== this.#attempt) return;
      if (this.language !== "python") {
        this.#stand("foreign");
        return;
      }
      if (!this.#comm) this.kernel.iopubMessage.connect(this.#onAnnounced);
      await this.#loading;
      const { content } = await this.kernel.requestCommInfo({ target_name: TARGET });
      if (attempt !== this.#attempt) return;
      if (content.status === "ok" && TARGET in content.comms) await this.#open();
      else this.#close();
    } catch {
      // The kernel went away while it was asked; its status tells what comes next.
    } finally {
      if (attempt === this.#attempt) this.#isAsking = false;
    }
  }

  /** Asks the kernel before it has answered, and so before the reader's first cell. */
  async #loadAtStart(): Promise<void> {
    await null; // JupyterLab drops what is asked while it tells of a restart
    const loading = this.#loading;
    if (!(await this.loadsAtStart())) return;
    this.language ||= (await this.kernel.info).language_info.name;
    if (this.language !== "python" || loading !== this.#loading) return;
    await this.load().catch((error: Error) => {
      if (loading === this.#loading) this.refused = error.message;
    });
  }

  readonly #onAnnounced = (_: unknown, message: KernelMessage.IIOPubMessage): void => {
    if (message.header.msg_type !== "comm_msg") return;
    const { comm_id: id, data } = message.content as { comm_id?: string; data?: { type?: string } };
    if (id === TARGET && data?.type === "loaded") void this.#open();
  };

  async #open(): Promise<void> {
    if (this.#comm || this.kernel.hasComm(TARGET)) return;
    this.kernel.iopubMessage.disconnect(this.#onAnnounced);
    const comm = (this.#comm = openComm(this.kernel, TARGET));
    comm.onMsg = ({ content, buffers }) => {
      this.#received(content.data, (buffers ?? []) as DataView[]);
    };
    comm.onClose = () => {
      this.#comm = null; // who tells it disposes of it, and twice is too often
      this.#close();
    };
    // What is sent before the subshell has started waits for the cell that runs.
    const { subshellStarted } = comm;
    if (subshellStarted && answersWhileBusy(this.kernel))
      await Promise.race([
        subshellStarted.catch(() => {}),
        new Promise((late) => setTimeout(late, PATIENCE)),
      ]);
    this.tell("glance", {});
  }

  /** The extension is not loaded, or not any more. */
  #close(): void {
    const { refused } = this;
    this.#forget("absent");
    this.refused = refused;
    this.kernel.iopubMessage.connect(this.#onAnnounced);
    this.changed.emit();
  }

  readonly #onStatus = (_: unknown, status: Kernel.Status): void => {
    if (status === "restarting" || status === "autorestarting") {
      this.#forget("starting");
      if (status === "restarting") this.#loading = this.#loadAtStart();
      this.changed.emit();
    } else if (status === "dead" || status === "terminating") {
      this.#forget("dead");
      this.changed.emit();
    } else if (this.standing === "dead") {
      this.#stand("starting");
      void this.#connect();
    } else if (status === "idle" && this.standing === "starting" && !this.#comm) {
      if (!this.#isAsking) void this.#connect(); // else it is idle because it has answered us
    }
  };

  /** What was told while the page was off line, it has missed. */
  readonly #onLine = (_: unknown, status: Kernel.ConnectionStatus): void => {
    if (status !== "connected" || this.standing === "foreign" || this.standing === "dead") return;
    this.tell("glance", {});
    void this.#connect(this.standing === "starting"); // it may have been loaded, or restarted
  };

  #stand(standing: Standing): void {
    this.standing = standing;
    this.changed.emit();
  }

  #forget(standing: Standing): void {
    this.#attempt += 1;
    this.#isAsking = false;
    this.#loading = null;
    this.kernel.iopubMessage.disconnect(this.#onAnnounced);
    this.standing = standing;
    if (this.#comm && !this.#comm.isDisposed) this.#comm.dispose();
    this.#comm = null;
    this.glance = null;
    this.cells.clear();
    this.#lastSource?.dispose();
    this.#lastSource = this.#source = null;
    this.#state = undefined;
    this.#lose();
    this.wrong = this.refused = "";
  }

  // --- what it says

  #received(data: unknown, buffers: DataView[]): void {
    const { type, message } = data as { type?: string; message?: string };
    if (type === "glance") this.#glanced(data);
    else if (type === "refused") this.#fail(message ?? "");
    else if (type === "state") {
      this.#state = (data as { table?: unknown }).table;
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
      const over = () => {
        this.#onState.delete(told);
        this.#onCustom.delete(refused);
        this.#lose = () => {};
      };
      const told = () => {
        over();
        resolve();
      };
      const refused = (message: unknown) => {
        const answer = message as { id?: number; type?: string; message?: string };
        if (answer.id !== FIRST || answer.type !== "error") return; // another view asked
        over();
        reject(new Error(answer.message));
      };
      this.#lose = () => {
        over();
        reject(new Error(t("The kernel is gone.")));
      };
      this.#onState.add(told);
      this.#onCustom.add(refused);
      this.#comm?.send({ v: VERSION, id: FIRST, type: "hello" });
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
      if (!this.#comm || this.#comm.isDisposed) throw new Error(t("The kernel is gone."));
      this.#comm.send(message as never);
    },
  };
}
