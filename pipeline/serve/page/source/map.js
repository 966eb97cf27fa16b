import {AttributionControl, Map, NavigationControl, ScaleControl} from 'maplibre-gl';
import {layersOf} from './layers.js';

const ROLES = ['base', 'classes', 'overlay'];

/** A map of one side: 0 left, 1 right (the whole, where nothing is compared). */
export function createMap(page, container, side, at) {
  const {cube} = page;
  const map = new Map({
    container,
    style: {version: 8, sources: {}, layers: [{id: 'ground', type: 'background', paint: {'background-color': ground()}}]},
    ...(at ?? {bounds: boundsOf(cube), fitBoundsOptions: {padding: 24}}),
    attributionControl: false,
    maxPitch: 0,
    pitchWithRotate: false,
    dragRotate: false,
    renderWorldCopies: false,
    fadeDuration: 0,
    canvasContextAttributes: {preserveDrawingBuffer: true},
  });
  /** The tiles of each role, which MapLibre itself knows only once it has loaded a source. */
  map.addresses = {};
  map.touchZoomRotate.disableRotation();
  map.keyboard.disableRotation();
  if (side === 1) {
    map.addControl(new AttributionControl({compact: false, customAttribution: escape(cube.attribution)}));
    map.addControl(new NavigationControl({showCompass: false}), 'top-right');
    map.addControl(new ScaleControl({maxWidth: 140}), 'bottom-left');
  }
  map.on('error', ({error}) => page.say(error.message.startsWith('AJAXError') ? 'Some tiles could not be read.' : error.message));
  const ready = new Promise((done) => map.once('load', done));
  let turn = Promise.resolve();
  map.show = (state) => {
    turn = turn.then(async () => {
      await ready;
      await showLayers(page, map, layersOf(state, side));
    });
    return turn;
  };
  return map;
}

export function boundsOf({bounds: [west, south, east, north]}) {
  return [[west, south], [east < west ? east + 360 : east, north]];
}

export function ground() {
  return getComputedStyle(document.documentElement).getPropertyValue('--ground').trim();
}

function escape(text) {
  const element = document.createElement('span');
  element.textContent = text;
  return element.innerHTML;
}

async function showLayers(page, map, layers) {
  for (const role of ROLES) {
    const row = layers.find(([name]) => name === role);
    if (!row) {
      remove(map, role);
      continue;
    }
    const [, layer, query, opacity] = row;
    await showTiles(page, map, role, layer, query);
    map.setPaintProperty(role, 'raster-opacity', opacity);
  }
}

async function showTiles(page, map, role, layer, query) {
  const url = page.source.tiles(layer, query);
  if (map.addresses[role] === url) return;
  const zooms = await page.source.zooms(layer, query.version);
  const source = map.getSource(role);
  map.addresses[role] = url;
  if (source && source.minzoom === zooms.minzoom && source.maxzoom === zooms.maxzoom) {
    source.setTiles([url]);
    return;
  }
  removeTiles(map, role);
  const [[west, south], [east, north]] = boundsOf(page.cube);
  map.addSource(role, {type: 'raster', tiles: [url], tileSize: 256, bounds: [west, south, east, north], ...zooms});
  const above = ROLES.slice(ROLES.indexOf(role) + 1).find((name) => map.getLayer(name));
  map.addLayer(
    {id: role, type: 'raster', source: role, paint: {'raster-resampling': role === 'base' ? 'linear' : 'nearest', 'raster-fade-duration': 0}},
    above ?? (map.getLayer('area-fill') ? 'area-fill' : undefined),
  );
}

function remove(map, role) {
  delete map.addresses[role];
  removeTiles(map, role);
}

function removeTiles(map, role) {
  if (map.getLayer(role)) map.removeLayer(role);
  if (map.getSource(role)) map.removeSource(role);
}
