import {section, select, slider} from './dom.js';

/** The period and the version that are shown, and what they are compared with. */
export function timePanel(page) {
  const {store, cube, periodName, versionName} = page;
  const {period, version} = store.get();
  const versions = cube.versions.map(({id}) => id).reverse();
  const sliders = [];
  if (cube.periods.length > 1) {
    const at = cube.periods.indexOf(period);
    sliders.push(slider('Period', cube.periods.length - 1, at, (n) => periodName(cube.periods[n]), (n) =>
      store.set({period: cube.periods[n]})));
  }
  if (versions.length > 1) {
    const at = versions.indexOf(version);
    sliders.push(slider('Version', versions.length - 1, at, (n) => `${versionName(versions[n])}`, (n) =>
      page.selectVersion(versions[n])));
  }
  const comparisons = (shown) => [
    ['off', 'One map'],
    ...(cube.layers.includes('coarse') ? [['coarse', 'Coarse | refined']] : []),
    ...cube.periods.filter((row) => row !== shown.period).map((row) => [`period ${row}`, `${periodName(row)} | shown period`]),
    ...versions.filter((row) => row !== shown.version).map((row) => [`version ${row}`, `Version ${versionName(row)} | shown`]),
  ];
  const choice = select('Swipe', comparisons(store.get()), '', (value) => {
    const [kind, what = ''] = value.split(/ (.*)/s);
    store.set({compare: kind, other: what});
  });
  const list = choice.querySelector('select');
  const choose = (state) => {
    const rows = comparisons(state);
    const wanted = ['period', 'version'].includes(state.compare) ? `${state.compare} ${state.other}` : state.compare;
    list.replaceChildren(...rows.map(([value, text]) => new Option(text, value)));
    list.value = rows.some(([value]) => value === wanted) ? wanted : 'off';
    if (list.value !== wanted) store.set({compare: 'off', other: ''});
  };
  store.subscribe((state, before) => {
    if (['period', 'version', 'compare', 'other'].some((name) => state[name] !== before[name])) choose(state);
  });
  choose(store.get());
  return section('time', sliders.length ? 'Time and comparison' : 'Comparison', true, ...sliders, choice);
}
