/** An exception to open and close: its frames, what led to it, the members of its group. */
import { firstLine } from "./copy.js";
import { h, visible } from "./dom.js";
import { counted, number, t } from "./words.js";
import { count, list, object, text } from "./place.js";
import { listing } from "./listing.js";
import type { Frame, Raised } from "./source.js";
import { valueTable } from "./values.js";

const MAX_DEPTH = 50; // of causes and members; what capture writes is far flatter
const MAX_LABEL = 300; // characters of a message beside a triangle

type Label = Parameters<typeof h>[2][];
type Kind = "own" | "innermost" | "again" | "library" | "only"; // "only": there is none but these
interface Level {
  frame: Frame;
  locals: Record<string, unknown>;
  kind: Kind;
}

/** What is folded is made when it is opened: a record may hold thousands of lines. */
export function fold(label: Label, content: () => Node[], isOpen = false): HTMLDetailsElement {
  const details = h("details", { class: "ft-fold", open: isOpen }, h("summary", {}, ...label));
  let isMade = false;
  const make = () => {
    if (isMade || !details.open) return;
    isMade = true;
    details.append(h("div", { class: "ft-folded" }, ...content()));
  };
  details.addEventListener("toggle", make);
  make();
  return details;
}

/** The notes, frames, group members and causes of an exception; [] where it has none. */
export function traceback(raised: Raised, depth = 0): Node[] {
  return [...notes(raised), ...frames(raised), ...members(raised, depth), ...causes(raised, depth)];
}

function notes(raised: Raised): Node[] {
  return list(raised.notes).map((note) => h("p", { class: "ft-said" }, visible(text(note))));
}

// --- frames

function frames(raised: Raised): Node[] {
  const levels = levelsOf(raised);
  const omitted = leftOut(raised);
  const gap = Math.max(1, Math.floor(levels.length / 3)); // where capture leaves frames out
  const shown: Node[] = [];
  let run: Level[] = [];
  const endRun = () => {
    shown.push(...folded(run));
    run = [];
  };
  levels.forEach((level, place) => {
    const isGap = omitted !== null && place === gap;
    if (isGap || level.kind !== run[0]?.kind) endRun();
    if (isGap) shown.push(omitted);
    run.push(level);
  });
  endRun();
  if (omitted && levels.length <= gap) shown.push(omitted);
  return shown;
}

function levelsOf(raised: Raised): Level[] {
  const all = list(raised.extracted_code).map((frame): Frame =>
    typeof frame === "object" ? object(frame) : { function: text(frame) },
  );
  const locals = list(raised.locals);
  const innermost = all.findLastIndex((frame) => !frame.library);
  return all.map((frame, place) => {
    const before = all[place - 1];
    const isAgain = before !== undefined && placeOf(before) === placeOf(frame);
    let kind: Kind = isAgain ? "again" : "own";
    if (frame.library) kind = innermost < 0 ? "only" : "library";
    if (place === innermost) kind = "innermost";
    return { frame, locals: object(locals[place]), kind };
  });
}

/** A run of frames of one kind; of the user's own, each stands alone. */
function folded(run: Level[]): Node[] {
  const { frame, kind } = run[0] ?? {};
  const each = (isOpen: boolean) => run.map((level) => frameFold(level, isOpen));
  if (!frame || kind === "own" || kind === "innermost") return each(true);
  if (kind === "again") {
    const label = t("%1 of %2", counted(run.length, "more frame"), visible(placeOf(frame)));
    return [fold([label], () => each(true))];
  }
  const label = counted(run.length, "library frame");
  return [fold([label], () => each(false), kind === "only")];
}

/** `f, Cell In[5]:2`. */
const placeOf = (frame: Partial<Record<keyof Frame, unknown>>): string =>
  [text(frame.function), fileAndLine(frame)].filter(Boolean).join(", ");

function fileAndLine(frame: Partial<Record<keyof Frame, unknown>>): string {
  const file = text(frame.file).replace(/^.*[\\/](?:site-packages|python\d[\d.]*)[\\/]/, "");
  const line = text(frame.line);
  return line ? `${file || "?"}:${line}` : file;
}

function frameFold({ frame, locals, kind }: Level, isOpen: boolean): HTMLElement {
  const place = h(
    "span",
    { class: "ft-file", title: visible(text(frame.file)) },
    visible(fileAndLine(frame)),
  );
  const name = text(frame.function);
  const label = [name && h("b", {}, visible(name)), name && ", ", place];
  const held = Object.keys(locals).length;
  const start = count(frame.code_start) ?? 1;
  if (!text(frame.code) && !held) return h("div", { class: "ft-bare" }, ...label);
  const content = () => {
    const parts: Node[] = [];
    if (text(frame.code)) parts.push(listing(text(frame.code), start, frame));
    const table = () => [valueTable(locals)];
    if (held) parts.push(fold([`Locals (${number(held)})`], table, kind === "innermost"));
    return parts;
  };
  return fold(label, content, isOpen);
}

/** `931 frames left out, all of them f, Cell In[4]:2`. */
function leftOut(raised: Raised): HTMLElement | null {
  const omitted = count(raised.frames_omitted);
  if (!omitted) return null;
  const repetition = object(raised.repetition);
  const same = count(repetition["count"]) ?? 0;
  const share = same >= omitted ? "all" : number(same);
  const most = same ? t(", %1 of them %2", share, visible(placeOf(repetition))) : "";
  return h("p", { class: "ft-left-out" }, t("%1 left out", counted(omitted, "frame")) + most);
}

// --- other exceptions

function causes(raised: Raised, depth: number): Node[] {
  return list(raised.causes).map((one, place) => {
    const cause = object(one) as Raised;
    const relation = cause.relation === "context" ? "while handling" : "because of";
    return other(cause, place ? `which came ${relation}` : relation, depth); // each of the one before
  });
}

function members(raised: Raised, depth: number): Node[] {
  const found = list(raised.exceptions);
  const omitted = count(raised.exceptions_omitted) ?? 0;
  const all = number(found.length + omitted);
  const shown: Node[] = found.map((one, place) =>
    other(object(one) as Raised, t("%1 of %2", number(place + 1), all), depth),
  );
  if (omitted) {
    const more = t("%1 of the group left out", counted(omitted, "more exception"));
    shown.push(h("p", { class: "ft-left-out" }, more));
  }
  return shown;
}

function other(raised: Raised, how: string, depth: number): HTMLElement {
  const type = text(raised.exception_type) || "an exception";
  const message = text(raised.exception_message).trim();
  const short = clipped(firstLine(message));
  const label = [
    h("span", { class: "ft-how" }, `${how} `),
    h("b", { class: "ft-type" }, visible(type)),
    short && `: ${visible(short)}`,
  ];
  const isMore = short !== message;
  if (!isMore && !hasParts(raised)) return h("div", { class: "ft-bare" }, ...label);
  return fold(label, () => {
    if (depth >= MAX_DEPTH) return [h("p", {}, t("What lies deeper is in the JSON."))];
    return [...(isMore ? [messageOf(message)] : []), ...traceback(raised, depth + 1)];
  });
}

const clipped = (line: string): string =>
  line.length > MAX_LABEL ? `${line.slice(0, MAX_LABEL)}…` : line;

function hasParts(raised: Raised): boolean {
  const { notes, extracted_code, causes, exceptions, exceptions_omitted, frames_omitted } = raised;
  const lists = [notes, extracted_code, causes, exceptions];
  return lists.some((one) => list(one).length) || !!exceptions_omitted || !!frames_omitted;
}

/** A message in full; a long one scrolls. */
export function messageOf(message: string): HTMLElement {
  const isLong = message.length > 1000 || message.split("\n").length > 12;
  const focus = isLong ? { tabindex: 0, role: "group", "aria-label": t("Message") } : {};
  return h("div", { class: "ft-message", ...focus }, visible(message));
}
