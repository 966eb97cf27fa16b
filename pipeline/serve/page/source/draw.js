import {h} from './dom.js';

const NOTHING = {type: 'FeatureCollection', features: []};

/** The outline of an area on the maps. */
export function showArea(map, geometry) {
  const data = geometry ? {type: 'Feature', properties: {}, geometry} : NOTHING;
  const source = map.getSource('area');
  if (source) {
    source.setData(data);
    return;
  }
  if (!geometry) return;
  map.addSource('area', {type: 'geojson', data});
  map.addLayer({id: 'area-fill', type: 'fill', source: 'area', filter: ['==', '$type', 'Polygon'], paint: {'fill-color': '#ffffff', 'fill-opacity': 0.12}});
  map.addLayer({id: 'area-casing', type: 'line', source: 'area', paint: {'line-color': '#000000', 'line-width': 4, 'line-opacity': 0.7}});
  map.addLayer({id: 'area-line', type: 'line', source: 'area', paint: {'line-color': '#ffffff', 'line-width': 2}});
}

/** Lets a polygon be drawn: by clicks, or with the keyboard under the cross. `done` gets it, or null. */
export function drawPolygon(page, map, show, done) {
  const corners = [];
  const add = ({lng, lat}) => {
    corners.push([lng, lat]);
    show(corners.length > 1 ? {type: 'LineString', coordinates: corners} : {type: 'Point', coordinates: corners[0]});
    count.textContent = `${corners.length} corner${corners.length === 1 ? '' : 's'}`;
    finish.disabled = corners.length < 3;
  };
  const end = (keep) => {
    page.drawing = null;
    document.body.classList.remove('drawing');
    map.doubleClickZoom.enable();
    bar.remove();
    show(null);
    done(keep && corners.length > 2 ? {type: 'Polygon', coordinates: [[...corners, corners[0]]]} : null);
  };
  const count = h('output', {}, '0 corners');
  const finish = h('button', {type: 'button', disabled: true, onclick: () => end(true)}, 'Finish');
  const bar = h('div', {className: 'drawbar', role: 'toolbar', 'aria-label': 'Draw an area'},
    h('span', {}, 'Click the corners.'), count,
    h('button', {type: 'button', onclick: () => add(map.getCenter())}, 'Corner at the cross'),
    finish,
    h('button', {type: 'button', onclick: () => end(false)}, 'Cancel'));
  bar.addEventListener('keydown', (event) => event.key === 'Escape' && end(false));
  document.body.classList.add('drawing');
  map.doubleClickZoom.disable();
  page.frame.append(bar);
  page.drawing = {add, end};
}
