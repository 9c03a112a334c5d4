// Bundles JupyterLab's extension.  JupyterLab asks a prebuilt extension for a module federation
// container, which is an object with `init` and `get`; what others share is taken from what they
// share, and all else is in the bundle.  So the build needs no bundler of JupyterLab's.
import { createHash } from "node:crypto";
import { build } from "esbuild";
import { copyFile, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** JavaScript that registers `body`, a CommonJS module, which requires the packages `needs`. */
const container = (name, needs, body) => `(() => {
let shared;
const module_ = async (name) => {
  const versions = Object.values(shared[name] ?? {});
  const found = versions.find((one) => one.loaded) ?? versions[0];
  if (!found) throw new Error("${name} needs " + name + ", which is not shared here");
  return (await found.get())();
};
const get = async () => {
  const names = ${JSON.stringify(needs)};
  const modules = await Promise.all(names.map(module_));
  const require = (name) => modules[names.indexOf(name)];
  return () => {
    const module = { exports: {} };
    ${body}
    return module.exports;
  };
};
(window._JUPYTERLAB ??= {})[${JSON.stringify(name)}] = { init: (scope) => { shared = scope; }, get };
})();
`;

/** How all of the front end is bundled. */
export const OPTIONS = {
  absWorkingDir: fileURLToPath(new URL("./", import.meta.url)),
  bundle: true,
  target: "es2022",
  charset: "ascii",
  minify: true,
  legalComments: "none",
  loader: { ".css": "text" },
};

/** The extension in one script, and what esbuild says of it. */
async function bundled(name) {
  const { outputFiles, metafile } = await build({
    ...OPTIONS,
    entryPoints: ["src/lab/index.ts"],
    external: ["@jupyterlab/*", "@lumino/*"],
    format: "cjs",
    metafile: true,
    outdir: "unused",
    write: false,
  });
  const [output] = Object.values(metafile.outputs);
  const needs = [...new Set(output.imports.map(({ path }) => path))].sort();
  return { code: container(name, needs, outputFiles[0].text), needs, inputs: output.inputs };
}

/** Bytes of the extension, and how many of them are the table's, which the widget has too. */
export async function sizes() {
  const { code, inputs } = await bundled("failextract-nb");
  const shared = Object.entries(inputs).filter(([path]) => path.startsWith("src/table/"));
  const table = shared.reduce((sum, [, { bytesInOutput }]) => sum + bytesInOutput, 0);
  return { all: Buffer.byteLength(code), table };
}

/** Writes the extension of the package in `here` to `target`, as `share/jupyter` wants it. */
export async function buildRemote(here, target) {
  const about = JSON.parse(await readFile(join(here, "package.json"), "utf8"));
  const { code, needs } = await bundled(about.name);
  const hash = createHash("sha256").update(code).digest("hex").slice(0, 12);
  const load = `static/remoteEntry.${hash}.js`;

  await rm(target, { recursive: true, force: true });
  const schemas = join(target, "schemas", about.name);
  await mkdir(schemas, { recursive: true });
  await mkdir(join(target, "static"));
  await writeFile(join(target, load), code);
  await copyFile(join(here, "schema", "plugin.json"), join(schemas, "plugin.json"));
  const { name, version, description, license, devDependencies } = about;
  const dependencies = Object.fromEntries(needs.map((one) => [one, devDependencies[one]]));
  const jupyterlab = { extension: true, schemaDir: "schema" };
  const described = { name, version, description, license, dependencies, jupyterlab };
  await writeFile(join(schemas, "package.json.orig"), JSON.stringify(described, null, 2));
  jupyterlab._build = { load, extension: "./extension" };
  await writeFile(join(target, "package.json"), JSON.stringify(described, null, 2));
}
