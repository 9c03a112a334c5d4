// Bundles the front end into the Python package: one module for the widget, one script for the
// HTML report, JupyterLab's extension, and the protocol as JSON, which the kernel checks messages
// with.
import { build } from "esbuild";
import { writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { buildRemote, OPTIONS } from "./remote.mjs";

const here = fileURLToPath(new URL("./", import.meta.url));
const target = (name) =>
  fileURLToPath(new URL(`../failextract_nb/widget/static/${name}`, import.meta.url));

await build({
  ...OPTIONS,
  entryPoints: ["src/widget.ts"],
  format: "esm",
  outfile: target("widget.js"),
});
await build({
  ...OPTIONS,
  entryPoints: ["src/report.ts"],
  format: "iife",
  outfile: target("report.js"),
});

const extension = fileURLToPath(new URL("../failextract_nb/labextension", import.meta.url));
await buildRemote(here, extension);

const { outputFiles } = await build({
  ...OPTIONS,
  entryPoints: ["src/table/protocol.ts"],
  format: "esm",
  write: false,
});
const module = `data:text/javascript;base64,${Buffer.from(outputFiles[0].contents).toString("base64")}`;
const { VERSION: version, ...specs } = await import(module);
const {
  REQUESTS: requests,
  NOTICES: notices,
  REPLIES: replies,
  STATE: state,
  GLANCE: glance,
} = specs;
const protocol = { version, requests, notices, replies, state, glance };
await writeFile(target("protocol.json"), `${JSON.stringify(protocol, null, 1)}\n`);
