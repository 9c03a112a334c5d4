import { asMarkdown, copyText, facts, tracebackText } from "./copy.js";
import { h, visible } from "./dom.js";
import { counted, number, t } from "./words.js";
import { listing, startOf } from "./listing.js";
import { list, object, text } from "./place.js";
import type { Detail, Failure, Frame } from "./source.js";
import { fold, messageOf, traceback } from "./traceback.js";
import { fixtureTable, valueTable } from "./values.js";

interface Actions {
  close(): void;
  say(text: string): void; // to the reader
  goTo?: { label: string; go(): void }; // the cell
}

const TEXTS = [
  "exception_type exception_module exception_message exception_traceback expected",
  "origin timestamp test_name test_file line_number thread_name duration tags command exit_code",
  "test_source cell_source execution_count notebook frames_omitted exceptions_omitted attempts",
].flatMap((names) => names.split(" "));
const LISTS = ["extracted_code", "locals", "causes", "exceptions", "notes", "test_args"];
const OBJECTS = ["test_kwargs", "parameters", "fixtures", "captured", "repetition", "dask"];

/** One failure with all that its record holds, whatever shape that has. */
export function detailPane(detail: Detail, actions: Actions): HTMLElement {
  const failure = object(detail.failure) as Failure;
  const type = text(failure.exception_type) || t("Failure");
  const close = h(
    "button",
    { type: "button", class: "ft-close", "aria-label": t("Close details") },
    "✕",
  );
  close.addEventListener("click", () => actions.close());
  return h(
    "section",
    { class: "ft-detail", "aria-label": t("Details of %1", visible(type)) },
    h("header", { class: "ft-detail-head" }, heading(failure, type), close),
    factList(failure),
    text(failure.exception_message) ? messageOf(text(failure.exception_message)) : null,
    copyBar(detail, failure, actions),
    ...tracebackPart(failure),
    ...sources(failure),
    ...tables(failure),
    ...more(failure),
  );
}

function heading(failure: Failure, type: string): HTMLElement {
  const module = text(failure.exception_module);
  return h(
    "h3",
    {},
    module && h("span", { class: "ft-module" }, `${visible(module)}.`),
    module && h("wbr"), // rather here than in the middle of a name
    h("span", { class: "ft-type" }, visible(type)),
    failure.expected === true &&
      h(
        "span",
        { class: "ft-badge", title: t("The cell is tagged raises-exception") },
        t("expected"),
      ),
  );
}

const calendar = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });

function factList(failure: Failure): HTMLElement {
  const known = facts(failure).filter(([name]) => name !== "Expected"); // is a badge
  const pairs = known.map(([name, value]) => {
    const time = name === "Time" ? new Date(value) : null;
    const isTime = time !== null && !Number.isNaN(time.getTime());
    const shown = isTime ? h("time", { datetime: value }, calendar.format(time)) : visible(value);
    return h("div", {}, h("dt", {}, t(name)), h("dd", {}, shown));
  });
  return h("dl", { class: "ft-facts" }, ...pairs);
}

// --- copying

function copyBar(detail: Detail, failure: Failure, actions: Actions): HTMLElement {
  const place = h("div", { class: "ft-by-hand" });
  const button = (label: string, what: string, content: () => string) =>
    h(
      "button",
      { type: "button", onclick: () => void copy(content(), what, place, actions) },
      label,
    );
  return h(
    "div",
    { class: "ft-copy" },
    actions.goTo && text(failure.cell_id)
      ? h("button", { type: "button", onclick: () => actions.goTo!.go() }, actions.goTo.label)
      : null,
    button(t("Copy traceback"), t("Traceback"), () => tracebackText(failure)),
    button(t("Copy as Markdown"), t("Markdown"), () => asMarkdown(failure)),
    button(t("Copy as JSON"), t("JSON"), () => text(detail.json)),
    place,
  );
}

async function copy(content: string, what: string, place: Element, actions: Actions) {
  place.replaceChildren();
  if (await copyText(content)) {
    actions.say(t("%1 copied", what));
    return;
  }
  const area = h("textarea", { readonly: true, rows: 6, "aria-label": t("%1 to copy", what) });
  area.value = content;
  place.append(area);
  area.select();
  area.focus();
  actions.say(
    t("The browser does not let this page copy: press Ctrl+C (⌘C) to copy what is selected."),
  );
}

// --- parts

const part = (name: string, ...content: Node[]): Node[] =>
  content.length ? [h("section", { class: "ft-part" }, h("h4", {}, name), ...content)] : [];

function tracebackPart(failure: Failure): Node[] {
  const tree = traceback(failure);
  const written = text(failure.exception_traceback);
  if (written && !list(failure.extracted_code).length)
    tree.push(h("pre", { class: "ft-code", tabindex: 0 }, visible(written)));
  return part(t("Traceback"), ...tree);
}

/** The cell and the function that failed, with the failing line where it is known to be in them. */
function sources(failure: Failure): Node[] {
  const frames = list(failure.extracted_code).map((frame) => object(frame) as Frame);
  const cell = text(failure.cell_source);
  const test = text(failure.test_source);
  const shown: Node[] = [];
  if (cell) {
    const own = `Cell In[${text(failure.execution_count)}]`;
    const frame = frames.findLast(({ file }) => file === own);
    shown.push(sourceFold(t("Cell"), cell, 1, frame, "ft-cell"));
  }
  if (test && !cell.includes(test)) {
    const starts = frames.map((frame) => startOf(test, frame));
    const place = starts.findLastIndex((start) => start !== undefined);
    shown.push(sourceFold(t("Function"), test, starts[place] ?? 1, frames[place]));
  }
  return part(t("Source"), ...shown);
}

function sourceFold(
  name: string,
  source: string,
  start: number,
  frame: Frame | undefined,
  kind = "ft-function",
): Node {
  const lines = counted(source.replace(/\n$/, "").split("\n").length, "line");
  const folded = fold([`${name}, ${lines}`], () => [listing(source, start, frame)]);
  folded.classList.add(kind);
  return folded;
}

function tables(failure: Failure): Node[] {
  const args = list(failure.test_args).map((value, place) => [`#${place + 1}`, value]);
  const named = Object.entries(object(failure.test_kwargs));
  const values = Object.fromEntries([...args, ...named]) as Record<string, unknown>;
  const parameters = object(failure.parameters);
  const fixtures = object(failure.fixtures);
  const captured = Object.entries(object(failure.captured));
  const { attempts } = failure;
  const task = { ...object(failure.dask), ...(attempts === undefined ? {} : { attempts }) };
  return [
    ...part(t("Arguments"), ...(args.length + named.length ? [valueTable(values)] : [])),
    ...part(t("Parameters"), ...(Object.keys(parameters).length ? [valueTable(parameters)] : [])),
    ...part(t("Fixtures"), ...(Object.keys(fixtures).length ? [fixtureTable(fixtures)] : [])),
    ...part(t("Cluster"), ...(Object.keys(task).length ? [valueTable(task)] : [])),
    ...part(t("Output"), ...captured.map(([name, said]) => output(name, text(said)))),
  ];
}

/** What a test has written to one stream in one phase. */
function output(name: string, said: string): Node {
  const lines = counted(said.replace(/\n$/, "").split("\n").length, "line");
  const code = () => [h("pre", { class: "ft-code", tabindex: 0 }, visible(said))];
  return fold([`${visible(name)}, ${lines}`], code);
}

/** What else the record holds: keys of the user's own, and known ones of an unknown kind. */
function more(failure: Failure): Node[] {
  const rest = Object.entries(failure).filter(([name, value]) => {
    if (value === null || value === undefined || TEXTS.includes(name)) return false;
    if (LISTS.includes(name)) return !Array.isArray(value);
    return !OBJECTS.includes(name) || Array.isArray(value) || typeof value !== "object";
  });
  if (!rest.length) return [];
  const table = () => [valueTable(Object.fromEntries(rest))];
  return [fold([t("More of the record (%1)", number(rest.length))], table)];
}
