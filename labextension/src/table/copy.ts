import { visible } from "./dom.js";
import { lineOf, list, text, where } from "./place.js";
import type { Failure } from "./source.js";

/** Puts `content` into the clipboard; false where the browser refuses. */
export async function copyText(content: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(content);
    return true;
  } catch {
    return copySelected(content); // no clipboard outside secure contexts, or not in this frame
  }
}

function copySelected(content: string): boolean {
  const before = document.activeElement;
  const area = document.createElement("textarea");
  area.value = content;
  area.readOnly = true;
  area.setAttribute("aria-hidden", "true");
  area.style.cssText = "position:fixed;top:0;left:0;opacity:0";
  document.body.append(area);
  try {
    area.select();
    return document.execCommand("copy");
  } catch {
    return false;
  } finally {
    area.remove();
    if (before instanceof HTMLElement) before.focus({ preventScroll: true });
  }
}

export const firstLine = (message: string): string => message.trim().split("\n", 1)[0]!.trimEnd();

/** `ValueError: the first line of the message`. */
export function title(failure: Failure): string {
  const first = firstLine(text(failure.exception_message));
  const type = text(failure.exception_type) || "Failure";
  return first ? `${type}: ${first}` : type;
}

/** The traceback as text; what is known of the exception where there is none. */
export const tracebackText = (failure: Failure): string =>
  text(failure.exception_traceback) || title(failure);

const seconds = new Intl.NumberFormat(undefined, { maximumSignificantDigits: 3 });

/** `180 ms`, `2.5 s`. */
function lasted(duration: unknown): string {
  if (typeof duration !== "number" || !Number.isFinite(duration)) return text(duration);
  if (duration < 0.001) return "under 1 ms";
  return duration < 1 ? `${seconds.format(duration * 1000)} ms` : `${seconds.format(duration)} s`;
}

/** What a reader wants to know first, by the words to show it under; only what is known. */
export function facts(failure: Failure): [string, string][] {
  const line = lineOf(failure);
  const place = where(failure);
  const file = text(failure.test_file);
  const ownCell = `Cell In[${text(failure.execution_count)}]`;
  const tags = Array.isArray(failure.tags) ? failure.tags.map(text).join(", ") : failure.tags;
  const known: [string, unknown][] = [
    ["Where", place === "unknown" ? "" : place],
    ["Line", line],
    ["Time", failure.timestamp],
    ["Took", lasted(failure.duration)],
    ["Command", failure.command],
    ["Exit code", failure.exit_code],
    ["Tags", tags],
    ["Origin", failure.origin],
    ["Thread", failure.thread_name],
    ["File", file === "unknown" || file === ownCell ? "" : file],
    ["Notebook", failure.notebook],
    ["Expected", failure.expected === true ? "yes: the cell is tagged raises-exception" : ""],
  ];
  return known.map(([name, value]): [string, string] => [name, text(value)]).filter(([, v]) => v);
}

/** A failure as the text of an issue. Whatever it holds stays text there. */
export function asMarkdown(failure: Failure): string {
  const parts = [`### ${inline(title(failure))}\n`];
  parts.push(
    facts(failure)
      .map(([name, value]) => `- ${name}: ${codeSpan(value)}\n`)
      .join(""),
  );
  const notes = list(failure.notes).map(text).join("\n");
  const inTraceback = text(failure.exception_traceback);
  const message = text(failure.exception_message).trim();
  if (!inTraceback && message.includes("\n")) parts.push(fence(message, "text"));
  if (!inTraceback && notes) parts.push(fence(notes, "text"));
  if (inTraceback) parts.push(`Traceback:\n\n${fence(inTraceback, "text")}`);
  const cell = text(failure.cell_source);
  if (cell) parts.push(`Cell:\n\n${fence(cell, "python")}`);
  const test = text(failure.test_source);
  if (test && !cell.includes(test)) parts.push(`Source:\n\n${fence(test, "python")}`);
  return parts.filter(Boolean).join("\n");
}

const longestRun = (content: string): number =>
  content.match(/`+/g)?.reduce((longest, run) => Math.max(longest, run.length), 0) ?? 0;

/** In a fence that is longer than any in it. */
function fence(content: string, language: string): string {
  const body = visible(content).replace(/\n?$/, "\n");
  const ticks = "`".repeat(Math.max(3, longestRun(body) + 1));
  return `${ticks}${language}\n${body}${ticks}\n`;
}

const oneLine = (content: string): string => visible(content).replace(/\s+/g, " ").trim();

function codeSpan(content: string): string {
  const body = oneLine(content);
  const ticks = "`".repeat(longestRun(body) + 1);
  const pad = body.startsWith("`") || body.endsWith("`") ? " " : "";
  return `${ticks}${pad}${body}${pad}${ticks}`;
}

/** With all that acts escaped; GitHub looks for people and issues after that, so they are split. */
function inline(content: string): string {
  return oneLine(content)
    .replace(/[\\`*_~[\]<>&|$#@]/g, "\\$&")
    .replace(/:(?=\/\/)/g, "\\:")
    .replace(/\bwww(?=\.)/gi, "$&\\")
    .replace(/(\\[@#])(?=\w)/g, "$1&#8203;");
}
