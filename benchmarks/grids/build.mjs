// Bundles each grid with its task into dist/, as we bundle our own; dist/empty.js is the task alone.
import { build } from "esbuild";
import { fileURLToPath } from "node:url";

await build({
  absWorkingDir: fileURLToPath(new URL("./", import.meta.url)),
  entryPoints: ["failures.ts", "ours.ts", "regular-table.ts", "ag-grid.ts", "virtual-core.ts"],
  outdir: "dist",
  bundle: true,
  minify: true,
  format: "iife",
  target: "es2022",
  legalComments: "none",
  loader: { ".css": "text" },
  logLevel: "warning",
});
