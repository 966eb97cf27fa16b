import {h, section} from './dom.js';
import {drawPolygon, showArea} from './draw.js';
import {extentOf, polygonsOf, viewPolygon} from './geojson.js';
import {colorOf} from './legend.js';
import {boundsOf} from './map.js';

/** The area of each class in the view, or in a polygon that is drawn, dropped or chosen from a file. */
export function areasPanel(page, map) {
  const {store, source, cube} = page;
  const result = h('div', {'aria-live': 'polite'});
  let polygon = null;
  let asked = 0;
  const show = (geometry) => [map, page.left].forEach((one) => one && showArea(one, geometry));
  const ask = async () => {
    const geometry = polygon ?? (source.whole ? {} : viewPolygon(map, boundsOf(cube)));
    const number = (asked += 1);
    if (!geometry) return result.replaceChildren(h('p', {}, 'The view shows nothing of the map.'));
    const {version, period} = store.get();
    try {
      const answer = await source.areas(geometry, version, period);
      if (number === asked) result.replaceChildren(...chart(page, answer, source.whole ? 'the region of this page' : polygon ? 'the area' : 'the view'));
    } catch (error) {
      if (number === asked) result.replaceChildren(h('p', {}, error.message));
    }
  };
  const use = (geometry) => {
    polygon = geometry;
    show(polygon);
    view.hidden = !polygon;
    panel.open = true;
    return ask();
  };
  const read = async (file) => {
    try {
      const geometry = polygonsOf(await file.text());
      const [west, south, east, north] = extentOf(geometry);
      map.fitBounds([[west, south], [east, north]], {padding: 40, animate: false});
      await use(geometry);
      page.reveal(panel);
    } catch (error) {
      page.say(error.message);
    }
  };
  const file = h('input', {type: 'file', id: 'area-file', accept: '.geojson,.json,application/geo+json', className: 'hidden-input',
    onchange: () => file.files[0] && read(file.files[0]).then(() => { file.value = ''; })});
  const view = h('button', {type: 'button', hidden: true, onclick: () => use(null)}, 'Whole view');
  const draw = h('button', {type: 'button', onclick: () => {
    if (!page.drawing) drawPolygon(page, map, show, (geometry) => { geometry ? use(geometry) : show(polygon); });
  }}, 'Draw an area');
  const choices = source.whole ? [] : [
    h('div', {className: 'buttons'}, draw, file, h('label', {for: 'area-file', className: 'button'}, 'Open GeoJSON'), view)];
  const hint = source.whole ? [] : [h('p', {className: 'hint'}, 'A GeoJSON file can also be dropped on the page.')];
  const panel = section('areas', 'Areas', false, ...choices, result, ...hint);
  panel.addEventListener('toggle', () => panel.open && ask());
  store.subscribe((state, before) => {
    const changed = ['version', 'period', 'palette'].some((name) => state[name] !== before[name]);
    if (panel.open && changed) ask();
    if (state.compare !== before.compare && polygon) page.left?.once('load', () => show(polygon));
  });
  if (source.whole) return panel;
  map.on('moveend', () => panel.open && !polygon && ask());
  for (const name of ['dragenter', 'dragover']) document.addEventListener(name, (event) => event.preventDefault());
  document.addEventListener('drop', (event) => {
    event.preventDefault();
    const [dropped] = event.dataTransfer.files;
    if (dropped) read(dropped);
  });
  return panel;
}

function chart({cube, store, periodName}, {classes, km2}, where) {
  const {palette, period} = store.get();
  const most = Math.max(...classes.map((row) => row.share), 1e-9);
  const total = km2 ?? classes.reduce((sum, row) => sum + row.km2, 0);
  const color = (value) => colorOf(cube.classes.find((row) => row.value === value), palette);
  const rows = classes.filter((row) => row.km2 > 0).sort((a, b) => b.km2 - a.km2);
  return [
    h('p', {}, `${area(total)} mapped in ${where}, ${periodName(period)}`),
    h('table', {className: 'chart'},
      h('thead', {}, h('tr', {}, h('th', {scope: 'col'}, 'Class'), h('th', {scope: 'col'}, 'Area'), h('th', {scope: 'col'}, 'Share'))),
      h('tbody', {}, ...rows.map((row) => h('tr', {},
        h('th', {scope: 'row'}, row.name, h('span', {className: 'track', 'aria-hidden': 'true'},
          h('span', {style: `width:${(100 * row.share) / most}%;background:${color(row.value)}`}))),
        h('td', {}, area(row.km2)),
        h('td', {}, `${(100 * row.share).toFixed(1)} %`))))),
  ];
}

function area(km2) {
  if (km2 >= 1) return `${km2.toLocaleString('en', {maximumFractionDigits: km2 < 100 ? 2 : 0})} km²`;
  return `${(km2 * 100).toLocaleString('en', {maximumFractionDigits: 2})} ha`;
}
