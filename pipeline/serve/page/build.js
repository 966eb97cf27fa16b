import {build} from 'esbuild';
import {copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync} from 'node:fs';

mkdirSync('assets', {recursive: true});
await build({entryPoints: ['source/page.js', 'source/static.js'], bundle: true, minify: true, format: 'esm', outdir: 'assets', loader: {'.svg': 'dataurl'}, logLevel: 'warning'});
copyFileSync('node_modules/maplibre-gl/dist/maplibre-gl-worker.mjs', 'assets/maplibre-gl-worker.mjs');

const about = (name) => JSON.parse(readFileSync(`node_modules/${name}/package.json`, 'utf8'));

/** A package and all that it is built from, but types. */
function reached(name, found = new Set()) {
  if (found.has(name) || name.startsWith('@types/')) return found;
  if (!existsSync(`node_modules/${name}/package.json`)) throw new Error(`${name} is not installed at the top of node_modules`);
  found.add(name);
  for (const next of Object.keys(about(name).dependencies ?? {})) reached(next, found);
  return found;
}

function licenceOf(name) {
  const {version, license} = about(name);
  const files = readdirSync(`node_modules/${name}`).filter((file) => /^licen[cs]e/i.test(file)).sort();
  const texts = files.map((file) => readFileSync(`node_modules/${name}/${file}`, 'utf8').replaceAll('\r', '').trim());
  if (!texts.length) texts.push('The package has no text of its licence.');
  return [`${name} ${version}, ${license ?? 'licence in its text'}`, ...texts].join('\n\n');
}

const rule = `\n\n${'-'.repeat(80)}\n\n`;
const bundles = {'THIRD_PARTY.txt': ['maplibre-gl'], 'STATIC_THIRD_PARTY.txt': ['ol', 'proj4', 'zarrita']};
for (const [file, bundled] of Object.entries(bundles)) {
  const names = [...new Set(bundled.flatMap((name) => [...reached(name)]))].sort();
  writeFileSync(`assets/${file}`, `${['The page has these libraries in it.', ...names.map(licenceOf)].join(rule)}\n`);
}
