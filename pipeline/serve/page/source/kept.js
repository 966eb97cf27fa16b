import {addProtocol} from 'maplibre-gl';
import {colorOf} from './legend.js';

const SIDE = 256;
const REFINED = ['not considered', 'confirmed', 'changed'];

/** A region that lies in the page itself, as `idgbr export --html` writes it: what `serverSource` gives, without a server. */
export function keptSource(kept) {
  const {cube} = kept;
  const className = (value) => cube.classes.find((row) => row.value === value)?.name ?? 'no data';
  const codes = async (layer, period, at) => {
    const held = kept.tiles[layer]?.[period]?.[at];
    return held ? new Uint8Array(await inflated(bytesOf(held))) : new Uint8Array(SIDE * SIDE);
  };
  const drawn = async (layer, at, query) => {
    const period = query.get('period');
    if (layer === 'mosaic') {
      const held = kept.tiles.mosaic[period][at];
      return held ? bytesOf(held).buffer : createImageBitmap(new ImageData(SIDE, SIDE));
    }
    const code = await codes(layer === 'difference' ? 'landcover' : layer, period, at);
    if (layer === 'difference') {
      const old = await codes('landcover', query.get('from_period'), at);
      for (let n = 0; n < code.length; n += 1) if (!old[n] || old[n] === code[n]) code[n] = 0;
    }
    const table = kept.tables[layer] ? bytesOf(kept.tables[layer]) : classTable(cube.classes, query);
    const rgba = new Uint32Array(code.length);
    const color = new Uint32Array(table.buffer);
    for (let n = 0; n < code.length; n += 1) rgba[n] = color[code[n]];
    return createImageBitmap(new ImageData(new Uint8ClampedArray(rgba.buffer), SIDE, SIDE));
  };
  addProtocol('kept', async ({url}) => {
    const [, layer, at, query] = url.match(/^kept:\/\/([^/]+)\/([^?]+)\?(.*)$/);
    return {data: await drawn(layer, at, new URLSearchParams(query))};
  });
  return {
    whole: true,
    cube: async () => cube,
    tiles: (layer, query) => `kept://${layer}/{z}/{x}/{y}?${new URLSearchParams(query)}`,
    zooms: async () => ({minzoom: kept.zooms[0], maxzoom: kept.zooms[1]}),
    legend: async (layer) => kept.legends[layer],
    areas: async (_geometry, _version, period) => kept.areas[period],
    point: async (lon, lat) => {
      const [at, pixel] = pixelOf(lon, lat, kept.zooms[1]);
      const value = async (layer, period) => (cube.layers.includes(layer) ? (await codes(layer, period, at))[pixel] : null);
      const periods = await Promise.all(cube.period_bounds.map(async (period) => {
        const [landcover, coarse, confidence, refined] = await Promise.all(
          ['landcover', 'coarse', 'confidence', 'refined'].map((layer) => value(layer, period[0])));
        return {
          period, landcover, class: className(landcover), coarse: coarse === null ? null : className(coarse),
          confidence_percent: confidence, refined: refined === null ? null : REFINED[refined], run: kept.runs[period[0]] ?? null,
        };
      }));
      return {lon, lat, model: kept.model, periods};
    },
  };
}

function classTable(classes, query) {
  const hidden = new Set((query.get('hide') ?? '').split(',').filter(Boolean).map(Number));
  const table = new Uint8Array(4 * 256);
  for (const row of classes) {
    if (hidden.has(row.value)) continue;
    const color = parseInt(colorOf(row, query.get('palette')).slice(1), 16);
    table.set([color >> 16, (color >> 8) & 255, color & 255, 255], 4 * row.value);
  }
  return table;
}

/** The tile of a zoom that holds a point, as "z/x/y", and the index of its pixel there. */
function pixelOf(lon, lat, z) {
  const size = SIDE * 2 ** z;
  const col = Math.floor(((lon + 180) / 360) * size);
  const row = Math.floor(((1 - Math.asinh(Math.tan((lat * Math.PI) / 180)) / Math.PI) / 2) * size);
  return [`${z}/${Math.floor(col / SIDE)}/${Math.floor(row / SIDE)}`, (row % SIDE) * SIDE + (col % SIDE)];
}

const bytesOf = (base64) => Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));

const inflated = (bytes) => new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream('deflate'))).arrayBuffer();
