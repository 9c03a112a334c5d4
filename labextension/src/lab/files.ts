import { copyText } from "../table/copy.js";
import { download } from "../table/exports.js";
import type { Exported } from "../table/source.js";
import type { Connection } from "./connection.js";

const NOBODY = new AbortController().signal; // stops it

/** All failures of a kernel in one format.  Rejects with the kernel's error. */
async function exported(connection: Connection, format: string): Promise<Exported> {
  const source = await connection.source();
  const request = { format, scope: "all", target: "download" };
  return source.export(request, { report: () => {}, signal: NOBODY });
}

/** Downloads all failures of a kernel in one format.  Rejects with the kernel's error. */
export async function exportAs(connection: Connection, format: string): Promise<void> {
  const { filename, blob } = await exported(connection, format);
  if (blob) download(filename, blob);
}

/** Puts all failures into the clipboard as Markdown; false where the browser refuses. */
export async function copyAsMarkdown(connection: Connection): Promise<boolean> {
  const { blob } = await exported(connection, "markdown");
  return copyText((await blob?.text()) ?? "");
}
