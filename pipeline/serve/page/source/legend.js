import {h, section, swatch} from './dom.js';

export function colorOf(row, palette) {
  return palette === 'safe' && row.safe_color ? row.safe_color : row.color;
}

/** The classes; a click hides one, or shows it again. */
export function legendPanel({store, cube}) {
  const list = h('ul', {className: 'legend'});
  const overlay = h('div', {className: 'ramp'});
  const draw = (state) => {
    const focused = list.contains(document.activeElement) ? document.activeElement.dataset.value : null;
    list.replaceChildren(...cube.classes.map((row) => classRow(row, state, store)));
    if (focused) list.querySelector(`[data-value="${focused}"]`)?.focus();
    overlay.replaceChildren(...overlayRows(state.overlay));
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

/** The legend of what lies over the classes. */
export function overlayRows(overlay) {
  if (overlay === 'confidence') {
    return [h('p', {}, 'Confidence'), h('div', {className: 'viridis', role: 'img', 'aria-label': 'dark is 0 %, bright yellow 100 %'}),
      h('div', {className: 'ends'}, h('span', {}, '0 %'), h('span', {}, '50 %'), h('span', {}, '100 %'))];
  }
  if (overlay === 'refined') {
    return [h('p', {}, 'Refined here'), ...[['#0077bb', 'class confirmed'], ['#ee7733', 'class changed']].map(([color, text]) =>
      h('div', {className: 'row'}, swatch(color), text))];
  }
  return [];
}
