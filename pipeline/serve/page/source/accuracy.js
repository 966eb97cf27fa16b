import {h, section} from './dom.js';

/** What samples say of how often the map is right. */
export function accuracyPanel({cube}) {
  const rows = cube.accuracy ?? [];
  const body = rows.length
    ? rows.flatMap(assessment)
    : [h('p', {className: 'hint'}, 'Nobody has judged this version by samples yet: `idgbr sample` and `idgbr accuracy` do.')];
  return section('accuracy', 'Accuracy', false, ...body);
}

function assessment({period, before, points, overall, classes}) {
  return [
    h('p', {}, h('strong', {}, interval(overall)), ` of ${before ? `the change from ${before} to ${period}` : `the map of ${period}`} is right, by ${points.toLocaleString('en')} points (95 % interval).`),
    h('table', {},
      h('thead', {}, h('tr', {}, ...['Class', 'User’s', 'Producer’s'].map((text) => h('th', {scope: 'col'}, text)))),
      h('tbody', {}, ...classes.map((row) => h('tr', {}, h('th', {scope: 'row'}, row.class ?? row.name), h('td', {}, interval(row.users)), h('td', {}, interval(row.producers)))))),
  ];
}

function interval(estimate) {
  if (!estimate || estimate.value === null) return 'unknown';
  const {value, low, high} = estimate;
  const percent = (share) => (100 * share).toFixed(1);
  return low === undefined || low === null ? `${percent(value)} %` : `${percent(value)} % (${percent(low)} to ${percent(high)})`;
}
