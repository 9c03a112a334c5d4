import { copyText } from "../table/copy.js";
import { download } from "../table/exports.js";
import type { Connection } from "./connection.js";

const NOBODY = new AbortController().signal; // stops it

/** Downloads all failures of a kernel in one format.  Rejects with the kernel's error. */
export async function exportAs(connection: Connection, format: string): Promise<string> {
  const source = await connection.source();
  const request = { format, scope: "all", target: "download" };
  const { filename, blob } = await source.export(request, { report: () => {}, signal: NOBODY });
  if (blob) download(filename, blob);
  return filename;
}

/** Puts all failures into the clipboard as Markdown; false where the browser refuses. */
export async function copyAsMarkdown(connection: Connection): Promise<boolean> {
  const source = await connection.source();
  const request = { format: "markdown", scope: "all", target: "download" };
  const { blob } = await source.export(request, { report: () => {}, signal: NOBODY });
  return copyText((await blob?.text()) ?? "");
}
