/** The polygons of a GeoJSON text as one geometry. Throws an Error of one sentence. */
export function polygonsOf(text) {
  let content;
  try {
    content = JSON.parse(text);
  } catch {
    throw new Error('This file is no GeoJSON; give one with polygons in degrees.');
  }
  const parts = collect(content);
  if (!parts.length) throw new Error('This GeoJSON has no polygon; give one with polygons in degrees.');
  const numbers = parts.flat(2);
  if (!numbers.every((place) => Array.isArray(place) && Math.abs(place[0]) <= 180 && Math.abs(place[1]) <= 90)) {
    throw new Error('The coordinates of this GeoJSON are not longitude and latitude in degrees.');
  }
  return parts.length === 1 ? {type: 'Polygon', coordinates: parts[0]} : {type: 'MultiPolygon', coordinates: parts};
}

function collect(node) {
  if (node?.type === 'FeatureCollection') return (node.features ?? []).flatMap(collect);
  if (node?.type === 'Feature') return collect(node.geometry);
  if (node?.type === 'GeometryCollection') return (node.geometries ?? []).flatMap(collect);
  if (node?.type === 'Polygon') return [node.coordinates];
  if (node?.type === 'MultiPolygon') return node.coordinates;
  return [];
}

/** [west, south, east, north] of a polygon or multipolygon. */
export function extentOf({type, coordinates}) {
  const places = type === 'Polygon' ? coordinates.flat() : coordinates.flat(2);
  const [x, y] = [0, 1].map((axis) => places.map((place) => place[axis]));
  return [x, y].map((values) => values.reduce((a, b) => Math.min(a, b))).concat([x, y].map((values) => values.reduce((a, b) => Math.max(a, b))));
}

/** The part of a map that is seen, within bounds; null where they do not meet. */
export function viewPolygon(map, bounds) {
  const seen = map.getBounds();
  const [[w, s], [e, n]] = bounds;
  const [west, east] = [Math.max(seen.getWest(), w), Math.min(seen.getEast(), e)];
  const [south, north] = [Math.max(seen.getSouth(), s), Math.min(seen.getNorth(), n)];
  if (west >= east || south >= north) return null;
  return {type: 'Polygon', coordinates: [[[west, south], [east, south], [east, north], [west, north], [west, south]]]};
}
