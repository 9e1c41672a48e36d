// Runs the tests that need no browser. Node reads no TypeScript before version 22, so they are bundled first.
import {build} from "esbuild";
import {spawnSync} from "node:child_process";
import {mkdtempSync, readdirSync, rmSync} from "node:fs";
import {tmpdir} from "node:os";
import {join} from "node:path";

const here = new URL("test/", import.meta.url).pathname;
const tests = readdirSync(here).filter((name) => name.endsWith(".test.ts"));
const folder = mkdtempSync(join(tmpdir(), "grpcsse-client-"));
try {
  await build({
    entryPoints: tests.map((name) => here + name), outdir: folder, outExtension: {".js": ".mjs"}, bundle: true, format: "esm",
    platform: "node", target: "node20", sourcemap: "inline",
  });
  const files = readdirSync(folder).map((name) => join(folder, name));
  if (files.length !== tests.length || !files.length) throw new Error("some tests were not built");
  process.exitCode = spawnSync(process.execPath, ["--enable-source-maps", "--test", ...files], {stdio: "inherit"}).status ?? 1;
} finally {
  rmSync(folder, {recursive: true});
}
