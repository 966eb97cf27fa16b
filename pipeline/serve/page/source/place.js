import {Marker} from 'maplibre-gl';
import {h, section, swatch} from './dom.js';
import {colorOf} from './legend.js';

/** What the map says of the point that was clicked: class, history, and what its block was made from. */
export function placePanel(page, map) {
  const {store, source} = page;
  const result = h('div', {'aria-live': 'polite'}, h('p', {className: 'hint'},
    'Click the map, or focus it and press Enter for the place under the cross.'));
  const panel = section('place', 'Place', false, result);
  let marker = null;
  let place = null;
  let asked = 0;
  const ask = async () => {
    const number = (asked += 1);
    try {
      const answer = await source.point(place.lng, place.lat, store.get().version);
      if (number === asked) result.replaceChildren(...rows(page, answer));
    } catch (error) {
      if (number === asked) result.replaceChildren(h('p', {}, error.message));
    }
  };
  page.inspect = (point) => {
    place = point.wrap();
    marker ??= new Marker({element: h('div', {className: 'here', 'aria-hidden': 'true'})}).setLngLat(place).addTo(map);
    marker.setLngLat(place);
    panel.open = true;
    page.reveal(panel);
    return ask();
  };
  store.subscribe((state, before) => {
    if (place && (state.version !== before.version || state.palette !== before.palette)) ask();
  });
  return panel;
}

function rows(page, {lon, lat, block, periods}) {
  const {cube, store} = page;
  const ordered = [...periods].sort((a, b) => b.period[0].localeCompare(a.period[0]));
  const now = ordered.find((row) => row.period[0] === store.get().period) ?? ordered[0];
  const color = (value) => {
    const row = cube.classes.find((one) => one.value === value);
    return row ? colorOf(row, store.get().palette) : 'transparent';
  };
  return [
    h('p', {className: 'answer'}, swatch(color(now.landcover)), h('strong', {}, now.class)),
    facts([
      ['Position', `${lat.toFixed(5)}°, ${lon.toFixed(5)}°`],
      ['Confidence', percent(now)],
      ['Coarse', now.coarse],
      ['Refinement', now.refined],
      ['Clear observations', now.observations === undefined ? null : clear(now)],
    ]),
    h('h3', {}, 'History'),
    h('table', {},
      h('thead', {}, h('tr', {}, ...['Period', 'Class', 'Sure'].map((text) => h('th', {scope: 'col'}, text)))),
      h('tbody', {}, ...ordered.map((row) => h('tr', {},
        h('td', {}, page.periodName(row.period[0])),
        h('td', {}, swatch(color(row.landcover)), row.class),
        h('td', {}, percent(row) ?? ''))))),
    h('h3', {}, 'Made from'),
    facts([
      ['Block', block ? `${block.join(', ')} (${now.block_state.replaceAll('_', ' ')})` : null],
      ['Run', now.run ?? 'not said'],
      ['Model', now.model ?? null],
      ['Fingerprint', now.made_from ?? null],
      ['Copied from', now.source ? `${now.source.cube}, version ${now.source.version}` : null],
      ['Scenes', block ? String(now.scenes?.length ?? 'not said') : null],
    ]),
    now.scenes?.length
      ? h('details', {className: 'scenes'}, h('summary', {}, 'Names of the scenes'), h('ul', {}, ...now.scenes.map((scene) => h('li', {}, sceneName(scene)))))
      : null,
  ].filter(Boolean);
}

const percent = ({confidence_percent: sure}) => (sure === null ? null : `${sure} %`);

const sceneName = (scene) => (typeof scene === 'string' ? scene : [scene.id, scene.datetime?.slice(0, 10)].filter(Boolean).join(', '));

function clear({observations, first_clear: first, last_clear: last}) {
  return first ? `${observations}, ${first} to ${last}` : String(observations);
}

function facts(pairs) {
  return h('dl', {}, ...pairs.filter(([, text]) => text !== null).flatMap(([name, text]) => [h('dt', {}, name), h('dd', {}, text)]));
}
