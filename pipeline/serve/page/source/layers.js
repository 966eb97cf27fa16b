/** Which tiles each side of the map shows, as [role, layer, query, opacity], from the ground up. */
export function layersOf(state, side) {
  const shown = sideOf(state, side);
  const at = {version: shown.version, period: shown.period};
  const style = state.palette ? {palette: state.palette} : {};
  const hide = state.hidden.size ? {hide: [...state.hidden].join(',')} : {};
  const layers = [];
  if (state.base !== 'none') layers.push(['base', state.base, at, 1]);
  if (shown.classes !== 'none') layers.push(['classes', shown.classes, {...at, ...style, ...hide}, state.opacity / 100]);
  const over = overlayOf(state, at, style);
  if (over) layers.push(['overlay', ...over, 1]);
  return layers;
}

/** The classes, version and period of the left (0) or right (1) side; both are the same where nothing is compared. */
export function sideOf(state, side) {
  const {classes, version, period, compare, other} = state;
  if (compare === 'coarse') return {classes: side ? 'landcover' : 'coarse', version, period};
  if (side === 0 && compare === 'period') return {classes, version, period: other};
  if (side === 0 && compare === 'version') return {classes, version: other, period};
  return {classes, version, period};
}

function overlayOf(state, at, style) {
  const [name, from] = state.overlay.split(/:(.*)/s);
  if (name === 'none') return null;
  if (name === 'since') return ['difference', {...at, ...style, from_period: from}];
  if (name === 'version') return ['difference', {...at, ...style, from_version: from}];
  return [name, at];
}
