// The page in a folder of `idgbr export --zarr --page`: shows that export, or the one that ?map= names, from its files
// alone. #at=x,y,metres of a pixel; &layer=, &period=, &hide= as they are chosen.
import 'ol/ol.css';
import './page.css';
import Map from 'ol/Map.js';
import View from 'ol/View.js';
import {ScaleLine, defaults} from 'ol/control.js';
import TileLayer from 'ol/layer/WebGLTile.js';
import {toLonLat} from 'ol/proj.js';
import {register} from 'ol/proj/proj4.js';
import GeoZarr from 'ol/source/GeoZarr.js';
import proj4 from 'proj4';
import {FetchStore, get, open, root} from 'zarrita';
import {h, section, select, swatch} from './dom.js';

const NOTHING = [0, 0, 0, 0];
const REFINED = ['not considered', 'confirmed', 'changed'];
const LAYERS = {landcover: 'Land cover', confidence: 'Confidence'};
const say = (text) => { document.getElementById('say').textContent = text; };
const named = new URLSearchParams(location.search).get('map');
const address = new URL(named ?? '.', location.href).href.replace(/\/$/, '');
const state = new URLSearchParams(location.hash.slice(1));

/** Attributes of the map, its arrays by path, and first and last day of each period along time. */
async function opened() {
  const answer = await fetch(`${address}/zarr.json`);
  if (!answer.ok) throw new Error(`the server says ${answer.status} for its zarr.json`);
  const {attributes, consolidated_metadata: {metadata}} = await answer.json();
  const group = root(new FetchStore(address));
  const read = async (path, at) => get(await open.v3(group.resolve(path), {kind: 'array'}), at);
  const {data} = await read('0/time_bnds');
  const days = [...data].map((day) => new Date(Number(day) * 864e5).toISOString().slice(0, 10));
  const periods = days.flatMap((day, at) => (at % 2 ? [] : [[day, days[at + 1]]]));
  return {attributes, metadata, periods, read};
}

function paletteOf(layer, classes, hidden) {
  const colours = Array(256).fill(NOTHING);
  if (layer === 'confidence') {
    for (const [percent, colour] of Object.entries(JSON.parse(document.getElementById('percents').textContent))) colours[percent] = colour;
  } else {
    for (const {code, color} of classes) if (!hidden.has(code)) colours[code] = color;
  }
  return colours;
}

function show({attributes, metadata, periods, read}) {
  const shape = metadata['0/landcover'].shape.slice(1);
  const {classes, 'proj:code': code, 'spatial:bbox': extent, grid, version} = attributes;
  proj4.defs(code, metadata['0/spatial_ref'].attributes.crs_wkt);
  register(proj4);
  const names = Object.keys(LAYERS).filter((name) => `0/${name}` in metadata);
  const order = periods.map((_, at) => at).sort((a, b) => (periods[a][0] < periods[b][0] ? -1 : 1));
  const hidden = new Set((state.get('hide') ?? '').split(',').filter(Boolean).map(Number));
  const asked = periods.findIndex(([first]) => first === state.get('period'));
  let time = asked < 0 ? order.at(-1) : asked;
  let layer = names.includes(state.get('layer')) ? state.get('layer') : names[0];
  let tiles = new TileLayer({style: style()});
  const view = new View({projection: code, minResolution: grid.resolution / 8});
  const map = new Map({target: 'map', layers: [tiles], view, controls: defaults().extend([new ScaleLine()])});
  const [x, y, pixel] = (state.get('at') ?? '').split(',').map(Number);
  if (pixel > 0) {
    view.setCenter([x, y]);
    view.setResolution(pixel);
  } else {
    view.fit(extent, {padding: [20, 20, 20, 20]});
  }

  const legend = h('ul', {className: 'legend'});
  const place = h('div', {id: 'place'}, h('p', {className: 'hint'}, 'Click the map for what it says of a place.'));

  function keep() {
    const [east, north] = view.getCenter();
    const link = {at: [east, north, view.getResolution()].map((value) => Number(value.toFixed(3))).join(), layer, period: periods[time][0], hide: [...hidden].join()};
    history.replaceState(null, '', `#${Object.entries(link).map(([key, value]) => `${key}=${value}`).join('&')}`);
  }
  function style() {
    return {color: ['case', ['==', ['band', 2], 0], NOTHING, ['palette', ['band', 1], paletteOf(layer, classes, hidden)]]};
  }
  function explain() {
    const rows = layer === 'confidence' ? [0, 25, 50, 75, 100].map((percent) => h('li', {}, swatch(paletteOf(layer)[Math.max(percent, 1)]), `${percent} %`)) : classes.map(row);
    legend.replaceChildren(...rows);
    keep();
  }
  function row({code: value, name, color}) {
    const choose = () => {
      hidden[hidden.has(value) ? 'delete' : 'add'](value);
      tiles.setStyle(style());
      explain();
      legend.querySelector(`[data-code="${value}"]`).focus();
    };
    const how = hidden.has(value) ? 'hidden' : 'shown';
    return h('li', {}, h('button', {className: 'class', 'data-code': value, 'aria-pressed': String(!hidden.has(value)), onclick: choose}, swatch(color), name, h('span', {className: 'state'}, how)));
  }
  async function load() {
    const source = new GeoZarr({url: address, bands: [layer], dimensions: {time}, resample: 'nearest', transition: 0});
    const asked = `${layer} ${time}`;
    await source.ready();
    if (asked !== `${layer} ${time}`) return;
    tiles.dispose();
    tiles = new TileLayer({source, style: style()});
    map.setLayers([tiles]);
    explain();
    say('');
  }
  const reload = () => load().catch((error) => say(`The map cannot be read: ${error.message}`));
  async function tell([east, north]) {
    const [left, , , top] = extent;
    const at = [Math.floor((top - north) / grid.resolution), Math.floor((east - left) / grid.resolution)];
    if (at.some((value, axis) => value < 0 || value >= shape[axis])) return place.replaceChildren(h('p', {}, 'Outside the map.'));
    const paths = ['landcover', 'coarse', 'confidence', 'refined'].filter((name) => `0/${name}` in metadata);
    const values = await Promise.all(paths.map(async (name) => [name, (await read(`0/${name}`, [null, ...at])).data]));
    const found = Object.fromEntries(values);
    const nameOf = (value) => classes.find((one) => one.code === value)?.name ?? 'no data';
    const told = (when) => (found.landcover[when] === 0 ? 'no data' : [
      nameOf(found.landcover[when]),
      found.confidence && `confidence ${found.confidence[when]} %`,
      found.coarse && `coarse: ${nameOf(found.coarse[when])}`,
      found.refined && `refinement: ${REFINED[found.refined[when]]}`,
    ].filter(Boolean).join(', '));
    const lines = order.toReversed().map((when) => h('p', {}, h('strong', {}, periods[when].join(' to ')), h('br'), told(when)));
    const [lon, lat] = toLonLat([east, north], code);
    place.replaceChildren(h('p', {}, `${lat.toFixed(5)}, ${lon.toFixed(5)}`), h('div', {className: 'answer'}, lines));
  }

  map.on('moveend', keep);
  const ask = (coordinate) => tell(coordinate).catch((error) => say(`The place cannot be read: ${error.message}`));
  map.on('click', ({coordinate}) => ask(coordinate));
  const target = map.getTargetElement();
  target.tabIndex = 0;
  target.setAttribute('role', 'application');
  target.setAttribute('aria-label', 'Map: arrows move it, + and - change its scale, Enter tells what is in its middle');
  target.addEventListener('keydown', ({key, target: at}) => key === 'Enter' && at === target && ask(view.getCenter()));
  document.title = version?.name ?? 'Land cover';
  document.getElementById('panel').append(
    h('h1', {}, document.title),
    select('Layer', names.map((name) => [name, LAYERS[name]]), layer, (value) => { layer = value; reload(); }),
    select('Period', order.map((at) => [String(at), periods[at].join(' to ')]), String(time), (value) => { time = Number(value); reload(); }),
    section('classes', 'Legend', true, legend),
    section('where', 'Place', true, place),
    section('about', 'About', false, h('p', {}, `${document.title}${version ? `, run ${version.run}` : ''}, mapped by idgbr, ${code}, ${grid.resolution} m. Read from ${address}/ by this page alone.`),
      h('details', {}, h('summary', {}, 'Licences'), h('pre', {style: 'white-space: pre-wrap'}, document.getElementById('kept-licences').textContent))),
  );
  reload();
}

opened().then(show).catch((error) => say(
  `The map at ${address}/ cannot be read (${error.message}). Is there an export of 'idgbr export --zarr', and may pages of ${location.origin} read it (CORS)?`,
));
