import {section, select, slider} from './dom.js';

/** The period and the version that are shown, and what they are compared with. */
export function timePanel(page) {
  const {store, cube, periodName, versionName} = page;
  const {period, version, compare, other} = store.get();
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
  const rows = [
    ['off', 'One map'],
    ...(cube.layers.includes('coarse') ? [['coarse', 'Coarse | refined']] : []),
    ...cube.periods.filter((row) => row !== period).map((row) => [`period ${row}`, `${periodName(row)} | shown period`]),
    ...versions.filter((row) => row !== version).map((row) => [`version ${row}`, `Version ${versionName(row)} | shown`]),
  ];
  const chosen = ['period', 'version'].includes(compare) ? `${compare} ${other}` : compare;
  const choice = select('Swipe', rows, chosen, (value) => {
    const [kind, what = ''] = value.split(/ (.*)/s);
    store.set({compare: kind, other: what});
  });
  return section('time', sliders.length ? 'Time and comparison' : 'Comparison', true, ...sliders, choice);
}
