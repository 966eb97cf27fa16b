import {h, section, swatch} from './dom.js';

export function colorOf(row, palette) {
  return palette === 'safe' && row.safe_color ? row.safe_color : row.color;
}

/** The classes; a click hides one, or shows it again. */
export function legendPanel({store, cube, source, say}) {
  const list = h('ul', {className: 'legend'});
  const overlay = h('div', {className: 'ramp'});
  const drawOverlay = async ({overlay: name, version}) => {
    const legend = ['confidence', 'refined'].includes(name) ? await source.legend(name, version) : null;
    if (store.get().overlay === name) overlay.replaceChildren(...overlayRows(legend));
  };
  const draw = (state) => {
    const focused = list.contains(document.activeElement) ? document.activeElement.dataset.value : null;
    list.replaceChildren(...cube.classes.map((row) => classRow(row, state, store)));
    if (focused) list.querySelector(`[data-value="${focused}"]`)?.focus();
    drawOverlay(state).catch((error) => say(error.message));
  };
  store.subscribe((state, before) => {
    if (['hidden', 'palette', 'overlay'].some((name) => state[name] !== before[name])) draw(state);
  });
  draw(store.get());
  const all = h('button', {type: 'button', className: 'quiet', onclick: () => store.set({hidden: new Set()})}, 'Show all classes');
  return section('legend', 'Legend', true, list, overlay, all);
}

function classRow(row, state, store) {
  const shown = !state.hidden.has(row.value);
  const toggle = () => {
    const hidden = new Set(store.get().hidden);
    if (!hidden.delete(row.value)) hidden.add(row.value);
    store.set({hidden});
  };
  const button = h('button', {type: 'button', className: 'class', 'aria-pressed': String(shown), onclick: toggle},
    swatch(colorOf(row, state.palette)), h('span', {}, row.name), h('span', {className: 'state', 'aria-hidden': 'true'}, shown ? '' : 'hidden'));
  button.dataset.value = row.value;
  return h('li', {}, button);
}

/** The legend of what lies over the classes, as the server tells it; null for none. */
export function overlayRows(legend) {
  if (!legend) return [];
  const {kind, title, rows} = legend;
  if (kind !== 'ramp') {
    return [h('p', {}, title), ...rows.map(({label, color}) => h('div', {className: 'row'}, swatch(color), label))];
  }
  const [first, last] = [rows[0], rows.at(-1)];
  const colors = rows.map(({color, value}) => `${color} ${value}%`).join(', ');
  return [h('p', {}, title),
    h('div', {className: 'mixed', role: 'img', 'aria-label': `from dark, ${first.label}, to bright, ${last.label}`, style: `background:linear-gradient(90deg, ${colors})`}),
    h('div', {className: 'ends'}, ...[first, rows[(rows.length - 1) / 2], last].map(({label}) => h('span', {}, label)))];
}
