import {build} from 'esbuild';
import {copyFileSync, mkdirSync} from 'node:fs';

mkdirSync('assets', {recursive: true});
await build({entryPoints: ['source/page.js'], bundle: true, minify: true, format: 'esm', outdir: 'assets', loader: {'.svg': 'dataurl'}, logLevel: 'warning'});
const from = 'node_modules/maplibre-gl';
copyFileSync(`${from}/dist/maplibre-gl-worker.mjs`, 'assets/maplibre-gl-worker.mjs');
copyFileSync(`${from}/LICENSE.txt`, 'assets/maplibre-gl.LICENSE.txt');
