import { h, visible } from "./dom.js";
import { count } from "./place.js";
import type { Frame } from "./source.js";
import { t } from "./words.js";

type Span = Pick<Frame, "line" | "end_line" | "column" | "end_column">;

/** Source with numbers from `start` on; the failing lines of `span`, and its columns, marked. */
export function listing(code: string, start: number, span: Span = {}): HTMLElement {
  const lines = code.replace(/\n$/, "").split("\n");
  const digits = String(start + lines.length - 1).length;
  const first = count(span.line) ?? -1;
  const last = Math.max(first, count(span.end_line) ?? first);
  const rows = lines.map((line, place) => {
    const number = start + place;
    const isFailing = number >= first && number <= last;
    const gutter = `${isFailing ? "→" : " "} ${String(number).padStart(digits)} `;
    return h(
      "span",
      { class: isFailing ? "ft-code-line ft-failing" : "ft-code-line" },
      h("span", { class: "ft-number" }, gutter),
      ...(isFailing ? marked(line, number, first, last, span) : [visible(line)]),
      "\n",
    );
  });
  const about = { tabindex: 0, role: "group", "aria-label": t("Source") }; // scrolled by keys, too
  return h("pre", { class: "ft-code", ...about }, h("code", {}, ...rows));
}

/** A failing line with the part of it that failed in a mark, where that is known. */
function marked(line: string, number: number, first: number, last: number, span: Span) {
  const characters = Array.from(line); // as Python counts them
  const column = count(span.column);
  const indent = line.search(/\S|$/);
  const from = number === first ? column : indent;
  const to = number === last ? (count(span.end_column) ?? (column ?? 0) + 1) : characters.length;
  if (column === undefined || from === undefined || to <= from || from >= characters.length)
    return [visible(line)];
  const part = (start: number, end?: number) => visible(characters.slice(start, end).join(""));
  return [part(0, from), h("mark", {}, part(from, to)), part(to)];
}

/**
 * The number of the first line of `source`, a piece of the file that `frame` is in.
 *
 * undefined where the lines around the frame's are not in it, or in more than one place.
 */
export function startOf(source: string, frame: Frame): number | undefined {
  const around = typeof frame.code === "string" ? frame.code.split("\n") : [];
  const own = (count(frame.line) ?? 0) - (count(frame.code_start) ?? 0);
  const lines = source.split("\n");
  const fits = (place: number) =>
    around.every((line, at) => {
      const there = lines[place + at - own];
      return there === undefined || there === line;
    });
  const places = lines.flatMap((line, place) =>
    line === around[own] && fits(place) ? [place] : [],
  );
  return places.length === 1 ? count(frame.line)! - places[0]! : undefined;
}
