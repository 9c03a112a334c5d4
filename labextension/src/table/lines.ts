import type { Row } from "./protocol.js";
import type { DataSource } from "./source.js";

const AROUND = 40; // lines that are asked for on either side of those in view

interface Block {
  version: number;
  start: number;
  rows: Row[];
}

const isSame = (one: Row | undefined, other: Row): boolean =>
  one !== undefined && one.key === other.key && one.id === other.id;

/**
 * The lines that a view holds: a block around what it looks at, never more.
 *
 * While a newer block is on its way the older one goes on being shown.
 */
export class Lines {
  #block: Block;
  #asking = false;

  /** `arrived` is told by how many lines what was in view has moved. */
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

  /** Where the line with this key stands, as far as it is held; -1 otherwise. */
  find(key: string): number {
    const place = this.#block.rows.findIndex((row) => row.key === key);
    return place < 0 ? -1 : place + this.#block.start;
  }

  /**
   * Makes sure that the lines from `first` up to `last` are held, and are those of now.
   *
   * Returns by how many lines what was in view has moved, where that is known at once: newer
   * failures come in above. The top of the table stays the top.
   */
  want(first: number, last: number): number {
    const { state } = this.source;
    const end = Math.min(last, state.lines);
    const here = this.#block;
    const isOld = here.version < state.version;
    if (!isOld && first >= here.start && end <= here.start + here.rows.length) return 0;
    const anchor = isOld && first > 0 ? this.at(first) : undefined;
    const place = anchor ? state.rows.findIndex((row) => isSame(row, anchor)) : first;
    if (place < 0 && state.lines <= state.rows.length) {
      this.#block = this.#first(); // all there is, and what was in view is not there any more
      return 0;
    }
    if (place >= 0 && place + end - first <= state.rows.length) {
      // The state brings the first lines along: near the top no answer is needed.
      this.#block = this.#first();
      return place - first;
    }
    if (!this.#asking) void this.#ask(first, end, anchor);
    return 0;
  }

  async #ask(first: number, end: number, anchor: Row | undefined): Promise<void> {
    this.#asking = true;
    const before = this.#block;
    try {
      const { block, moved } = await this.#window(first, end, anchor);
      const isLooking = this.#block === before; // at what it was asked for
      this.#block = block;
      this.#asking = false;
      this.arrived(isLooking ? moved : 0);
    } catch (error) {
      this.#asking = false;
      this.failed(error);
    }
  }

  async #window(
    first: number,
    end: number,
    anchor: Row | undefined,
  ): Promise<{ block: Block; moved: number }> {
    const count = end - first + AROUND;
    if (anchor) {
      // The answer starts at the anchor's line, wherever that is now.
      const block = await this.source.window(first, count, anchor.key);
      if (isSame(block.rows[0], anchor)) return { block, moved: block.start - first };
      // A newer failure has taken its group to another place: what is in view stays where it is.
    }
    const start = Math.max(0, first - AROUND);
    return { block: await this.source.window(start, count + AROUND), moved: 0 };
  }
}
