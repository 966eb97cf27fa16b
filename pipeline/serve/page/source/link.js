/** The state of the page in the hash of its address, so that a link shows what its sender saw. */
const TEXTS = ['base', 'classes', 'overlay', 'version', 'period', 'compare', 'other', 'palette', 'theme'];

export function readLink(hash) {
  const query = new URLSearchParams(hash.replace(/^#/, ''));
  const state = {};
  for (const name of TEXTS) if (query.has(name)) state[name] = query.get(name);
  const numbers = (name) => query.get(name).split(',').filter(Boolean).map(Number);
  if (query.has('hide')) state.hidden = new Set(numbers('hide').filter(Number.isInteger));
  const shares = {opacity: Number(query.get('opacity') ?? NaN), split: Number(query.get('split') ?? NaN)};
  for (const [name, value] of Object.entries(shares)) if (value >= 0 && value <= 100) state[name] = value;
  const [zoom, lat, lon] = query.has('at') ? numbers('at') : [];
  if ([zoom, lat, lon].every(Number.isFinite) && Math.abs(lat) <= 85) state.at = {zoom, center: [lon, lat]};
  return state;
}

export function writeLink(state, map) {
  const {lng, lat} = map.getCenter();
  const query = new URLSearchParams();
  query.set('at', [map.getZoom().toFixed(2), lat.toFixed(5), lng.toFixed(5)].join(','));
  for (const name of TEXTS) if (state[name]) query.set(name, state[name]);
  if (state.hidden.size) query.set('hide', [...state.hidden].join(','));
  query.set('opacity', state.opacity);
  if (state.compare !== 'off') query.set('split', Math.round(state.split));
  return `#${query.toString().replaceAll('%2C', ',')}`;
}
