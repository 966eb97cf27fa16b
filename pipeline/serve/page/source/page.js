import {setWorkerUrl} from 'maplibre-gl';
import 'maplibre-gl/dist/maplibre-gl.css';
import './page.css';
import {accuracyPanel} from './accuracy.js';
import {areasPanel} from './areas.js';
import {choicesPanel} from './choices.js';
import {h, section, select} from './dom.js';
import {keptSource} from './kept.js';
import {legendPanel} from './legend.js';
import {readLink, writeLink} from './link.js';
import {createMap, ground} from './map.js';
import {placePanel} from './place.js';
import {serverSource} from './server.js';
import {createStore} from './store.js';
import {createSwipe} from './swipe.js';
import {timePanel} from './time.js';

const [frame, panel, note] = ['frame', 'panel', 'say'].map((id) => document.getElementById(id));
/** The text of an element that only a page without a server has. */
const kept = (id) => document.getElementById(id)?.textContent;
setWorkerUrl(kept('kept-worker')
  ? URL.createObjectURL(new Blob([kept('kept-worker')], {type: 'text/javascript'}))
  : new URL('assets/maplibre-gl-worker.mjs', document.baseURI).href);
const say = (text) => { note.textContent = text; };

async function start() {
  const source = kept('kept') ? keptSource(JSON.parse(kept('kept'))) : serverSource();
  const link = readLink(location.hash);
  const cube = await source.cube(link.version);
  document.title = cube.name;
  if (!cube.periods.includes(link.period)) delete link.period;
  for (const name of ['base', 'classes']) if (!['none', ...cube.layers].includes(link[name])) delete link[name];
  const store = createStore({
    base: cube.layers.includes('mosaic') ? 'mosaic' : 'none', classes: 'landcover', overlay: 'none', opacity: 80, hidden: new Set(), compare: 'off', other: '',
    split: 50, palette: '', theme: '', version: cube.version, period: cube.periods.at(-1), ...link,
  });
  const page = {
    store, source, cube, frame, say, drawing: null, left: null,
    periodName: (period) => (cube.period_bounds?.find(([first]) => first === period) ?? [period]).join(' to '),
    versionName: (id) => cube.versions.find((row) => row.id === id)?.time.slice(0, 16).replace('T', ' ') ?? id,
    selectVersion: (version) => {
      store.set({version});
      location.reload();
    },
    reveal: (section) => section.scrollIntoView({block: 'nearest'}),
    listen: (map) => map.on('click', ({lngLat}) => (page.drawing ? page.drawing.add(lngLat) : page.inspect(lngLat))),
  };
  const theme = () => { document.documentElement.dataset.theme = store.get().theme; };
  theme();
  const map = createMap(page, document.getElementById('map'), 1, link.at);
  page.listen(map);
  map.getCanvas().addEventListener('keydown', (event) => {
    if (event.key === 'Enter') (page.drawing?.add ?? page.inspect)(map.getCenter());
  });
  createSwipe(page, frame, map);
  panel.append(
    h('h1', {}, cube.name),
    timePanel(page), choicesPanel(page), legendPanel(page), areasPanel(page, map), placePanel(page, map), accuracyPanel(page),
    select('Colours', [['', 'Of the map'], ['safe', 'For the colour-blind']], store.get().palette, (palette) => store.set({palette})),
    select('Theme', [['', 'As the system'], ['light', 'Light'], ['dark', 'Dark']], store.get().theme, (value) => store.set({theme: value})),
    h('button', {type: 'button', onclick: () => print()}, 'Print'),
    kept('kept') ? section('about', 'Attribution', false, h('p', {}, cube.attribution), h('pre', {tabIndex: 0}, kept('kept-licences'))) : '',
  );
  const keep = () => history.replaceState(null, '', writeLink(store.get(), map));
  store.subscribe((state) => {
    theme();
    if (map.getLayer('ground')) map.setPaintProperty('ground', 'background-color', ground());
    map.show(state).catch((error) => say(error.message));
    keep();
  });
  map.on('moveend', keep);
  await map.show(store.get());
}

start().catch((error) => say(error.message));
