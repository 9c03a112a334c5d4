import type { Row } from "./protocol.js";
import type { DataSource } from "./source.js";

const AROUND = 40; // lines that are asked for on either side of those in view

interface Block {
  version: number;
  start: number;
  rows: Row[];
}

/**
 * The lines that a view holds: a block around what it looks at, never more.
 *
 * While a newer block is on its way the older one goes on being shown.
 */
export class Lines {
  #block: Block;
  #asking = false;

  constructor(
    private readonly source: DataSource,
    private readonly arrived: (moved: number) => void,
    private readonly failed: (error: unknown) => void,
  ) {
    this.#block = this.#first();
  }

  #first(): Block {
    const { version, rows } = this.source.state;
    return { version, start: 0, rows };
  }

  get count(): number {
    return this.source.state.lines;
  }

  at(index: number): Row | undefined {
    return this.#block.rows[index - this.#block.start];
  }

  /** Where a line with this key stands, as far as it is held; -1 otherwise. */
  find(test: (row: Row) => boolean): number {
    const place = this.#block.rows.findIndex(test);
    return place < 0 ? -1 : place + this.#block.start;
  }

  /** Makes sure that the lines from `first` up to `last` are held, and are those of now. */
  want(first: number, last: number): void {
    const { state } = this.source;
    const end = Math.min(last, state.lines);
    const here = this.#block;
    const isHeld = first >= here.start && end <= here.start + here.rows.length;
    if (here.version >= state.version && isHeld) return;
    if (end <= state.rows.length) {
      // The state brings the first lines along; the top of the table needs no answer.
      this.#block = this.#first();
      return;
    }
    if (this.#asking) return;
    const anchor = here.version < state.version ? this.at(first)?.key : undefined;
    void this.#ask(first, end, anchor);
  }

  async #ask(first: number, end: number, anchor: string | undefined): Promise<void> {
    this.#asking = true;
    try {
      // With an anchor the answer starts at its line, wherever that is now.
      const start = anchor ? first : Math.max(0, first - AROUND);
      const answer = await this.source.window(start, end - start + AROUND, anchor);
      this.#block = { version: answer.version, start: answer.start, rows: answer.rows };
      this.#asking = false;
      this.arrived(anchor ? answer.start - first : 0);
    } catch (error) {
      this.#asking = false;
      this.failed(error);
    }
  }
}
