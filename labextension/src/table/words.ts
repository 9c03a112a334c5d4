/** What the table says, in the reader's language where its host can translate. */

/** As JupyterLab's translation bundles have it: `%1` stands for the first of the arguments. */
export interface Translator {
  __(text: string, ...args: (string | number)[]): string;
  _n(one: string, many: string, count: number, ...args: (string | number)[]): string;
}

const english: Translator = {
  __: (text, ...args) => text.replace(/%(\d)/g, (_, place) => String(args[Number(place) - 1])),
  _n: (one, many, count, ...args) => english.__(count === 1 ? one : many, count, ...args),
};

let translator = english;

/** Has every table that is made from now on speak this language; null: English. */
export function translateWith(given: Translator | null): void {
  translator = given ?? english;
}

/** A text in the reader's language. */
export const t = (text: string, ...args: (string | number)[]): string =>
  translator.__(text, ...args);

const whole = new Intl.NumberFormat();

/** A count in the reader's locale. */
export const number = (value: number): string => whole.format(value);

/** `1 failure`, `1,200 failures`; the noun is English. */
export const counted = (count: number, noun = "failure"): string =>
  translator._n(`%2 ${noun}`, `%2 ${noun}s`, count, number(count));
