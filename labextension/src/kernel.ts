import {
  checkedState,
  problem,
  REPLIES,
  VERSION,
  type Facet,
  type FacetName,
  type Reply,
  type Request,
  type RequestName,
  type Show,
  type State,
} from "./table/protocol.js";
import type {
  DataSource,
  Detail,
  Exported,
  ExportRequest,
  Failure,
  Progress,
  Window,
} from "./table/source.js";
import { t } from "./table/words.js";

const PATIENCE = 1_500; // milliseconds until a reader is told that the kernel does not answer

const GONE =
  "The kernel of these failures is gone. Run the cell again: it shows those of the new one.";

/** What carries messages to the kernel and back: a widget's model, or a comm that looks like one. */
export interface Channel {
  get(name: "_state"): unknown;
  on(event: "change:_state", callback: () => void): void;
  on(event: "msg:custom", callback: (message: unknown, buffers: DataView[]) => void): void;
  off(event: "change:_state", callback: () => void): void;
  off(event: "msg:custom", callback: (message: unknown, buffers: DataView[]) => void): void;
  send(message: unknown): void;
}

interface Waiting {
  resolve(answer: { fields: unknown; buffers: DataView[] }): void;
  reject(error: Error): void;
  kind: RequestName;
}

/** The failures of a kernel, over the messages of one widget. */
export class KernelSource implements DataSource {
  readonly canWriteFiles = true;
  readonly canClear = true;
  isWaiting = false;
  wrong = "";
  state: State;
  readonly #waiting = new Map<number, Waiting>();
  readonly #listeners = new Set<() => void>();
  // Numbers of no other page: ipykernel 7 would remember requests with texts for names.
  #asked = crypto.getRandomValues(new Uint32Array(1))[0]! * 2 ** 20;

  /** Throws an Error that a reader can do something about where the kernel is of another version. */
  constructor(private readonly model: Channel) {
    this.state = checkedState(model.get("_state"));
    model.on("change:_state", this.#onState);
    model.on("msg:custom", this.#onMessage);
    this.#tellKernel("hello", {}); // what happened since the state was saved
  }

  dispose(): void {
    this.model.off("change:_state", this.#onState);
    this.model.off("msg:custom", this.#onMessage);
    this.#listeners.clear();
    for (const { reject } of this.#waiting.values()) reject(new Error(t(GONE)));
    this.#waiting.clear();
  }

  subscribe(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  readonly #onState = (): void => {
    try {
      const state = checkedState(this.model.get("_state"));
      if (state.version < this.state.version) return; // overtaken by a newer one
      this.state = state;
      this.wrong = "";
    } catch (error) {
      this.wrong = (error as Error).message;
    }
    this.#tell();
  };

  #tell(): void {
    for (const listener of this.#listeners) listener();
  }

  readonly #onMessage = (message: unknown, buffers: DataView[]): void => {
    const reply = message as { v?: number; id?: number; type?: string; message?: string };
    const waiting = this.#waiting.get(reply.id ?? -1);
    if (!waiting) return; // another view asked
    this.#waiting.delete(reply.id ?? -1);
    this.#patience();
    if (reply.type === "error") {
      waiting.reject(new Error(reply.message ?? t("The kernel could not answer.")));
      return;
    }
    const wrong = problem(REPLIES[waiting.kind], message);
    if (wrong) waiting.reject(new Error(t("The kernel's answer cannot be read: %1.", wrong)));
    else waiting.resolve({ fields: message, buffers: buffers ?? [] });
  };

  async #ask<N extends RequestName>(
    kind: N,
    fields: Request<N>,
  ): Promise<{ fields: Reply<N>; buffers: DataView[] }> {
    const id = (this.#asked += 1);
    const answer = new Promise<{ fields: unknown; buffers: DataView[] }>((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject, kind });
    });
    try {
      this.model.send({ ...fields, v: VERSION, id, type: kind });
    } catch {
      this.#waiting.delete(id);
      throw new Error(t(GONE));
    }
    const timer = setTimeout(() => this.#patience(this.#waiting.has(id)), PATIENCE);
    try {
      return (await answer) as { fields: Reply<N>; buffers: DataView[] };
    } finally {
      clearTimeout(timer);
    }
  }

  /** What needs no answer. */
  #tellKernel<N extends RequestName>(kind: N, fields: Request<N>): void {
    this.#ask(kind, fields).catch(() => undefined);
  }

  #patience(isOver = false): void {
    const before = this.isWaiting;
    this.isWaiting = isOver || (before && this.#waiting.size > 0);
    if (this.isWaiting !== before) this.#tell();
  }

  async window(start: number, count: number, anchor?: string): Promise<Window> {
    const asked = anchor === undefined ? { start, count } : { start, count, anchor };
    return (await this.#ask("window", asked)).fields;
  }

  async detail(failure: string): Promise<Detail> {
    const { record } = (await this.#ask("detail", { failure })).fields;
    return { failure: JSON.parse(record) as Failure, json: record };
  }

  async facets(name: FacetName): Promise<Facet> {
    const [facet] = (await this.#ask("facets", { name })).fields.values;
    return facet ?? { name, values: [], more: 0 };
  }

  async export(request: ExportRequest, { report, signal }: Progress): Promise<Exported> {
    const { job, filename } = (await this.#begin(request, signal)).fields;
    const parts: BlobPart[] = [];
    let step = this.#ask("next", { job });
    try {
      for (;;) {
        const { fields, buffers } = await unless(signal, step);
        for (const { buffer, byteOffset, byteLength } of buffers)
          parts.push(new Uint8Array(buffer as ArrayBuffer, byteOffset, byteLength));
        report(fields.progress);
        if (fields.done) {
          if (fields.path !== undefined) return { filename, path: fields.path };
          return { filename, blob: new Blob(parts, { type: "application/octet-stream" }) };
        }
        step = this.#ask("next", { job });
      }
    } catch (error) {
      const stopped = this.#ask("stop", { job }).catch(() => undefined);
      if (request.target !== "file" || !signal.aborted) throw error;
      // Until the kernel has stopped, the file may still be written.
      const last = await within(PATIENCE, Promise.all([step.catch(() => null), stopped]));
      if (!last) throw new Error(t("The kernel does not answer; it may still write the file."));
      if (last[0]?.fields.path !== undefined) return { filename, path: last[0].fields.path };
      throw error;
    }
  }

  async #begin(request: ExportRequest, signal: AbortSignal) {
    const begun = this.#ask("export", request);
    try {
      return await unless(signal, begun);
    } catch (error) {
      begun.then(({ fields: { job } }) => this.#tellKernel("stop", { job })).catch(() => undefined);
      throw error;
    }
  }

  async show(change: Show): Promise<void> {
    await this.#ask("show", change);
  }

  async select(how: string, keys?: string[]): Promise<void> {
    await this.#ask("select", keys ? { how, keys } : { how });
  }

  async clear(): Promise<number> {
    return (await this.#ask("clear", {})).fields.count;
  }

  async forget(): Promise<void> {
    await this.#ask("forget", {});
  }

  async undo(): Promise<number> {
    return (await this.#ask("undo", {})).fields.count;
  }
}

/** What is doing, or null if it takes longer than this many milliseconds. */
async function within<T>(milliseconds: number, doing: Promise<T>): Promise<T | null> {
  let timer: ReturnType<typeof setTimeout>;
  const late = new Promise<null>((resolve) => {
    timer = setTimeout(() => resolve(null), milliseconds);
  });
  return Promise.race([doing, late]).finally(() => clearTimeout(timer));
}

/** What is doing, or the signal's reason as soon as it is aborted. */
async function unless<T>(signal: AbortSignal, doing: Promise<T>): Promise<T> {
  let stop = () => {};
  const aborted = new Promise<never>((_, reject) => {
    stop = () => reject(signal.reason as Error);
    if (signal.aborted) stop();
    signal.addEventListener("abort", stop);
  });
  try {
    return await Promise.race([doing, aborted]);
  } finally {
    signal.removeEventListener("abort", stop);
  }
}
