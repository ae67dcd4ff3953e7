// Bundles the page into dist/ (or the folder named): node build.mjs [FOLDER]
import { mkdir, readFile, rm, writeFile, copyFile } from "node:fs/promises";
import { basename } from "node:path";
import { build } from "esbuild";

const out = process.argv[2] ?? "dist";
await rm(out, { recursive: true, force: true });
await mkdir(`${out}/assets`, { recursive: true });

const result = await build({
  entryPoints: { app: "src/main.tsx", theme: "src/first-paint.ts", style: "src/style/index.css" },
  outdir: `${out}/assets`,
  entryNames: "[name]-[hash]",
  bundle: true,
  minify: true,
  format: "iife",
  target: ["chrome110", "firefox115", "safari16"],
  jsx: "automatic",
  jsxImportSource: "preact",
  legalComments: "none",
  metafile: true,
  logLevel: "warning",
});

const assets = {};
for (const [path, made] of Object.entries(result.metafile.outputs)) {
  if (made.entryPoint) assets[made.entryPoint] = `/assets/${basename(path)}`;
}
let page = await readFile("src/index.html", "utf8");
page = page
  .replace("%THEME%", assets["src/first-paint.ts"])
  .replace("%STYLE%", assets["src/style/index.css"])
  .replace("%APP%", assets["src/main.tsx"]);
await writeFile(`${out}/index.html`, page);
await copyFile("src/favicon.svg", `${out}/favicon.svg`);
