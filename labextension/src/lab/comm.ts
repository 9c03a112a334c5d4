import { KernelMessage, type Kernel } from "@jupyterlab/services";

/** As much of JupyterLab's comm as is needed here. */
export type Comm = Pick<Kernel.IComm, "isDisposed" | "onMsg" | "onClose" | "send" | "dispose"> & {
  readonly subshellStarted?: Promise<void>;
};

/** Whether what is sent to a comm is handled while a cell runs. */
export const answersWhileBusy = (kernel: Kernel.IKernelConnection): boolean =>
  kernel.supportsSubshells === true && String(kernel.commsOverSubshells) !== "disabled";

let opened = 0;

/**
 * The comm that a kernel has under this name, which is its id.
 *
 * JupyterLab has one subshell for all comms of a target, and while it takes leave of the last one
 * hands it to a new one, whose messages then go nowhere: so each has a target of its own. No kernel
 * hears of it.
 */
export const openComm = (kernel: Kernel.IKernelConnection, name: string): Comm =>
  kernel.handleComms
    ? kernel.createComm(`${name} ${(opened += 1)}`, name)
    : new SecondComm(kernel, name);

/**
 * A comm where the page has two notebooks on one kernel: JupyterLab lets only the first of them
 * make comms, but all of them hear and can send every message.
 */
class SecondComm {
  isDisposed = false;
  onMsg: Comm["onMsg"] = () => {};
  onClose: Comm["onClose"] = () => {};
  readonly subshellStarted: Promise<void>;
  #subshell: string | null = null;

  constructor(
    private readonly kernel: Kernel.IKernelConnection,
    private readonly name: string,
  ) {
    kernel.iopubMessage.connect(this.#onMessage);
    this.subshellStarted = this.#start().catch(() => undefined); // it goes without
  }

  async #start(): Promise<void> {
    if (!answersWhileBusy(this.kernel)) return;
    const { content } = await this.kernel.requestCreateSubshell({}).done;
    this.#subshell = content.subshell_id ?? null; // where the kernel refuses
    if (this.isDisposed) this.#stop();
  }

  #stop(): void {
    if (this.#subshell === null || this.kernel.isDisposed) return;
    const asked = this.kernel.requestDeleteSubshell({ subshell_id: this.#subshell });
    asked.done.catch(() => undefined); // it went with the kernel
    this.#subshell = null;
  }

  readonly #onMessage = (_: unknown, message: KernelMessage.IIOPubMessage): void => {
    if ((message.content as { comm_id?: string }).comm_id !== this.name) return;
    if (KernelMessage.isCommMsgMsg(message)) void this.onMsg(message);
    else if (KernelMessage.isCommCloseMsg(message)) {
      void this.onClose(message);
      this.dispose();
    }
  };

  send(...[data, metadata, buffers, disposeOnDone]: Parameters<Comm["send"]>) {
    const message = KernelMessage.createMessage({
      msgType: "comm_msg",
      channel: "shell",
      username: this.kernel.username,
      session: this.kernel.clientId,
      subshellId: this.#subshell,
      content: { comm_id: this.name, data },
      metadata,
      buffers,
    } as KernelMessage.IOptions<KernelMessage.ICommMsgMsg<"shell">>);
    return this.kernel.sendShellMessage(message, false, disposeOnDone);
  }

  dispose(): void {
    if (this.isDisposed) return;
    this.isDisposed = true;
    this.kernel.iopubMessage.disconnect(this.#onMessage);
    this.#stop();
  }
}
