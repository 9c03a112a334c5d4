import { h, visible } from "./dom.js";
import { list, object, text } from "./place.js";
import { t } from "./words.js";

interface Described {
  type: string;
  shape: string;
  value: string;
}

// As capture writes them: `DataFrame(2 × 2; columns: city, sum)`, `ndarray(3 × 4; float64)`.
const SHAPED = /^(\w+)\((\d+(?= ×|;)(?: × \d+)*|scalar(?=;))(?:; )?(.*)$/s;
const COLUMNS = /^(\w+)\((columns: .*)$/s;
const ANGLED = /^<(\w+)(?:: (.*)| object)>$/s; // <LazyFrame: not evaluated>
const CALLED = /^([A-Za-z_][\w.]*)\(/; // Point(x=0, y=1)
// What Python writes so is of that type.
const LITERALS: [RegExp, string][] = [
  [/^-?\d+$/, "int"],
  [/^-?(\d+\.\d*(e[+-]?\d+)?|\d+e[+-]?\d+|inf)$|^nan$/, "float"],
  [/^(True|False)$/, "bool"],
  [/^None$/, "NoneType"],
  [/^['"]/, "str"],
  [/^b['"]/, "bytes"],
  [/^\[(?!redacted)/, "list"],
  [/^\(/, "tuple"],
  [/^\{(\}$|.*: )/s, "dict"],
  [/^\{[^:]*$/, "set"],
];
const CUT = /… \(\d+ characters\)$/;

/** The text of a value with the type and the shape that it starts with, where it does. */
export function described(value: string): Described {
  const inside = (rest = "") => (CUT.test(rest) ? rest : rest.replace(/\)$/, ""));
  let found = SHAPED.exec(value);
  if (found) return { type: found[1]!, shape: found[2]!, value: inside(found[3]) };
  found = COLUMNS.exec(value);
  if (found) return { type: found[1]!, shape: "", value: inside(found[2]) };
  found = ANGLED.exec(value);
  if (found) return { type: found[1]!, shape: "", value: found[2] ?? value };
  const literal = LITERALS.find(([pattern]) => pattern.test(value))?.[1];
  return { type: literal ?? CALLED.exec(value)?.[1] ?? "", shape: "", value };
}

/** Variables or arguments by name: the type and shape stand apart where the texts have them. */
export function valueTable(values: Record<string, unknown>): HTMLElement {
  const rows = Object.entries(values).map(([name, value]) => ({ name, ...described(text(value)) }));
  const hasTypes = rows.some(({ type }) => type);
  return table(
    [t("Name"), hasTypes && t("Type"), t("Value")],
    rows.map(({ name, type, shape, value }) => [
      h("code", {}, visible(name)),
      hasTypes && h("code", {}, visible(shape ? `${type} ${shape}` : type)),
      h("code", {}, visible(value)),
    ]),
  );
}

/** Fixtures by name: what they held, where they are defined, what they need. */
export function fixtureTable(fixtures: Record<string, unknown>): HTMLElement {
  const rows = Object.entries(fixtures).map(([name, info]) => {
    const about = object(info);
    const isPlain = Object.keys(about).length === 0; // somebody's own fixtures: name and value
    return [
      h("code", {}, visible(name)),
      h("code", {}, visible(text(isPlain ? info : about["value"]))),
      isPlain ? "" : h("span", {}, ...aboutFixture(about)),
    ];
  });
  return table([t("Name"), t("Value"), t("About")], rows);
}

function aboutFixture(info: Record<string, unknown>): (string | HTMLElement)[] {
  const { scope, about, file, line, depends_on, autouse, overrides, source } = info;
  const needs = list(depends_on).map(text).join(", ");
  const place = text(file).replaceAll("\\", "/").split("/").at(-1);
  const parts = [
    text(about),
    scope && t("%1 scope", text(scope)),
    place && `${place}:${text(line)}`,
    needs && `needs ${needs}`,
    autouse === true && "autouse",
    overrides !== undefined && "overrides another of its name",
  ];
  const words = visible(parts.filter(Boolean).join(" · "));
  if (!text(source)) return [words];
  const code = h("pre", { tabindex: 0 }, visible(text(source)));
  return [words, h("details", { class: "ft-fold" }, h("summary", {}, t("Source")), code)];
}

type Cell = Node | string | false;

function table(titles: (string | false)[], rows: Cell[][]): HTMLElement {
  const isCell = (cell: Cell) => cell !== false;
  const head = titles
    .filter(isCell)
    .map((title) => h("th", { scope: "col" }, h("span", {}, title)));
  const body = rows.map((cells) => {
    const [name, ...rest] = cells.filter(isCell);
    return h("tr", {}, h("th", { scope: "row" }, name), ...rest.map((cell) => h("td", {}, cell)));
  });
  return h(
    "table",
    { class: "ft-values" },
    h("thead", {}, h("tr", {}, ...head)),
    h("tbody", {}, ...body),
  );
}
