// Fails unless dist/ is what the sources say, the module has no import, and it is small.
import {make} from "./build.mjs";
import {mkdtempSync, readdirSync, readFileSync, rmSync} from "node:fs";
import {tmpdir} from "node:os";
import {join} from "node:path";
import {gzipSync} from "node:zlib";

const most = 4096; // bytes of dist/grpcsse.js under gzip -9
const here = new URL(".", import.meta.url).pathname;
const dist = join(here, "dist");
const folder = mkdtempSync(join(tmpdir(), "grpcsse-client-"));
const problems = [];
try {
  await make(folder);
  for (const name of new Set([...readdirSync(folder), ...readdirSync(dist)])) {
    const [made, committed] = [folder, dist].map((at) => {
      try {
        return readFileSync(join(at, name), "utf8");
      } catch {
        return undefined;
      }
    });
    if (made !== committed) problems.push(`client/dist/${name} is not what the sources say: run "npm run build" in client, and commit`);
  }
} finally {
  rmSync(folder, {recursive: true});
}
const module = readFileSync(join(dist, "grpcsse.js"));
const size = gzipSync(module, {level: 9}).length;
if (size > most) problems.push(`client/dist/grpcsse.js has ${size} bytes compressed: at most ${most} are allowed`);
if (/\bimport\b/.test(module)) problems.push("client/dist/grpcsse.js imports something");
const {dependencies, peerDependencies} = JSON.parse(readFileSync(join(here, "package.json"), "utf8"));
if (dependencies || peerDependencies) problems.push("client/package.json has dependencies");
problems.forEach((p) => console.error(p));
if (!problems.length) console.log(`client/dist is fresh; grpcsse.js has ${module.length} bytes, ${size} compressed`);
process.exitCode = problems.length ? 1 : 0;
