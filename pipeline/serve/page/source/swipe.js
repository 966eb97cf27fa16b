import {createMap} from './map.js';
import {sideOf} from './layers.js';
import {h} from './dom.js';

/** A second map left of a bar that is dragged, or moved by the arrow keys. */
export function createSwipe(page, frame, map) {
  const {store} = page;
  const pane = h('div', {className: 'pane left', hidden: true});
  const bar = h('div', {
    className: 'bar', role: 'slider', tabIndex: 0, hidden: true,
    'aria-label': 'Border between the two maps', 'aria-valuemin': 0, 'aria-valuemax': 100, 'aria-orientation': 'horizontal',
    onkeydown: (event) => {
      const to = {ArrowLeft: -2, ArrowRight: 2, PageDown: -10, PageUp: 10}[event.key];
      const end = {Home: 0, End: 100}[event.key];
      if (to === undefined && end === undefined) return;
      event.preventDefault();
      store.set({split: clamp(end ?? store.get().split + to)});
    },
    onpointerdown: (event) => {
      bar.setPointerCapture(event.pointerId);
      event.preventDefault();
      bar.focus();
    },
    onpointermove: (event) => {
      if (!bar.hasPointerCapture(event.pointerId)) return;
      const box = frame.getBoundingClientRect();
      store.set({split: clamp(((event.clientX - box.left) / box.width) * 100)});
    },
  }, h('span', {'aria-hidden': 'true'}, '⇔'));
  const names = [0, 1].map((side) => h('div', {className: `side-name ${side ? 'right' : 'left'}`, hidden: true}));
  frame.append(pane, ...names, bar);

  let left = null;
  const show = (state) => {
    const on = state.compare !== 'off';
    for (const element of [pane, bar, ...names]) element.hidden = !on;
    if (!on) {
      left?.remove();
      left = page.left = null;
      return;
    }
    pane.style.clipPath = `inset(0 ${100 - state.split}% 0 0)`;
    bar.style.left = `${state.split}%`;
    bar.setAttribute('aria-valuenow', Math.round(state.split));
    for (const side of [0, 1]) names[side].textContent = nameOf(page, state, side);
    if (!left) {
      left = page.left = createMap(page, pane, 0, {center: map.getCenter(), zoom: map.getZoom()});
      left.getCanvas().tabIndex = -1;
      tie(map, left);
      page.listen(left);
    }
    left.show(state);
  };
  store.subscribe(show);
  show(store.get());
}

const clamp = (share) => Math.min(Math.max(share, 0), 100);

/** What a side shows, in words. */
export function nameOf(page, state, side) {
  const {classes, version, period} = sideOf(state, side);
  if (state.compare === 'period') return page.periodName(period);
  if (state.compare === 'version') return page.versionName(version);
  return classes === 'coarse' ? 'Coarse' : 'Refined';
}

/** Moves each of two maps where the other is moved. */
function tie(a, b) {
  let moving = false;
  const follow = (leader, follower) => () => {
    if (moving) return;
    moving = true;
    follower.jumpTo({center: leader.getCenter(), zoom: leader.getZoom()});
    moving = false;
  };
  const ab = follow(a, b);
  a.on('move', ab);
  b.on('move', follow(b, a));
  b.on('remove', () => a.off('move', ab));
}
