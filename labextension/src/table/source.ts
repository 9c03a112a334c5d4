import type { Facet, FacetName, Reply, Request, Show, State } from "./protocol.js";

/** One frame of a traceback, outermost first. */
export interface Frame {
  file?: string;
  function?: string;
  line?: number; // from 1
  end_line?: number;
  column?: number; // from 0, in characters
  end_column?: number;
  code?: string; // the source around the line
  code_start?: number; // the number of its first line
  library?: boolean;
}

/** An exception as data: a failure, one of its causes, or a member of its group. */
export interface Raised {
  exception_type?: string;
  exception_module?: string;
  exception_message?: string;
  notes?: unknown[];
  extracted_code?: Frame[];
  locals?: (Record<string, string> | null)[]; // parallel to the frames
  frames_omitted?: number;
  repetition?: { file: string; function: string; line: number; count: number };
  relation?: string; // "cause" or "context"
  causes?: Raised[];
  exceptions?: Raised[];
  exceptions_omitted?: number;
}

/** A failure as the kernel's records have it; any key may be missing, or of another kind. */
export interface Failure extends Raised {
  id?: string;
  origin?: string;
  timestamp?: string;
  test_name?: string;
  test_module?: string;
  test_file?: string;
  line_number?: number;
  exception_traceback?: string;
  thread_name?: string;
  duration?: number;
  test_source?: string;
  test_args?: unknown[];
  test_kwargs?: Record<string, unknown>;
  parameters?: Record<string, string>;
  fixtures?: Record<string, unknown>;
  captured?: Record<string, string>; // by stream and phase
  tags?: string[];
  cell_id?: string | null;
  cell_source?: string;
  execution_count?: number | null;
  notebook?: string | null;
  command?: string;
  exit_code?: number;
  expected?: boolean;
  dask?: Record<string, unknown>; // of a task on a cluster
  attempts?: number;
  redacted?: number; // values that were removed
}

export interface Detail {
  failure: Failure;
  json: string; // the record as it was written
}

/** What an export is told while it runs. */
export interface Progress {
  report(share: number): void; // between 0 and 1; below 0: not known
  signal: AbortSignal;
}

export interface Exported {
  filename: string;
  blob?: Blob; // to download
  path?: string; // where the kernel wrote it
}

export type Window = Reply<"window">;
export type ExportRequest = Request<"export">;

/**
 * Where the failures of a table come from: a kernel, or the page itself.
 *
 * The table draws `state` and asks for what it does not hold; every change is told to subscribers
 * by a new state.
 */
export interface DataSource {
  readonly state: State;
  readonly canWriteFiles: boolean; // beside the notebook
  readonly canClear: boolean;
  readonly isWaiting: boolean; // for an answer, longer than a moment
  readonly wrong: string; // why the state cannot be followed any more; "" where it can
  subscribe(listener: () => void): () => void;
  /** Lines `start` to `start + count`; with an `anchor`, moved by as much as that line has moved. */
  window(start: number, count: number, anchor?: string): Promise<Window>;
  detail(failure: string): Promise<Detail>;
  facets(name: FacetName): Promise<Facet>;
  export(request: ExportRequest, progress: Progress): Promise<Exported>;
  /** Searches, filters, sorts, groups, opens a group. */
  show(change: Show): Promise<void>;
  select(how: string, keys?: string[]): Promise<void>;
  clear(): Promise<number>;
  undo(): Promise<number>;
  /** Lets go of what an undo would bring back. */
  forget(): Promise<void>;
}
