/** What JupyterLab's extension says to a reader, JupyterLab's translator has seen. */
/// <reference types="vite/client" />
import ts from "typescript";
import { expect, test } from "vitest";

const SOURCES = import.meta.glob<string>("../src/lab/*.ts", {
  query: "?raw",
  import: "default",
  eager: true,
});
const TRANSLATORS = ["__", "_n", "t", "counted"];
// Words of a language: two in a row, or one that begins a sentence.
const SAID = /[A-Za-z]{2,}[ ,]+[A-Za-z]{2,}|^[A-Z][a-z]+|[a-z]\.$/;
// Code, drawings, names of Python's, and the names of JupyterLab's places.
const NOT_SAID = /^([%<]|pip install |Cell In\[|Keyboard|Notebook$|Failures$)/;

/** The texts of a source that are passed to no translator. */
function bare(source: string): string[] {
  const found: string[] = [];
  const visit = (node: ts.Node): void => {
    if (ts.isImportDeclaration(node) || ts.isTypeNode(node)) return;
    if (ts.isPropertyAssignment(node) && node.name.getText() === "description") return; // a plugin's
    if (ts.isCallExpression(node)) {
      const { expression } = node;
      const name = ts.isPropertyAccessExpression(expression) ? expression.name : expression;
      if (TRANSLATORS.includes(name.getText())) return;
    }
    if (
      ts.isStringLiteralLike(node) ||
      ts.isTemplateHead(node) ||
      ts.isTemplateMiddleOrTemplateTail(node)
    ) {
      const text = node.text.trim();
      if (SAID.test(text) && !NOT_SAID.test(text)) found.push(text);
    }
    ts.forEachChild(node, visit);
  };
  visit(ts.createSourceFile("source.ts", source, ts.ScriptTarget.Latest, true));
  return found;
}

test("a text that no translator sees is found", () => {
  expect(bare('say("Open a notebook.")')).toEqual(["Open a notebook."]);
  expect(bare("say(`${count} failures are gone`)")).toEqual(["failures are gone"]);
  expect(bare('say(trans.__("Open a notebook."), "fx-said", "jp-mod-on")')).toEqual([]);
});

test.each(Object.entries(SOURCES))("%s", (_, source) => {
  expect(bare(source)).toEqual([]);
});
