// Shows a pyramid in OpenLayers and posts what it has at the points of the URL's hash: [[resolution, x, y], ...].
import Map from 'ol/Map.js';
import View from 'ol/View.js';
import TileLayer from 'ol/layer/WebGLTile.js';
import {register} from 'ol/proj/proj4.js';
import GeoZarr from 'ol/source/GeoZarr.js';
import proj4 from 'proj4';

proj4.defs('EPSG:3035', '+proj=laea +lat_0=52 +lon_0=10 +x_0=4321000 +y_0=3210000 +ellps=GRS80 +units=m +no_defs');
register(proj4);

async function look(points) {
  const url = new URL('cube.zarr', location.href).href;
  const source = new GeoZarr({url, bands: ['landcover', 'confidence'], resample: 'nearest', transition: 0});
  await source.ready();
  const grid = source.getTileGrid();
  const projection = source.getProjection();
  const layer = new TileLayer({source});
  const map = new Map({target: 'map', layers: [layer], view: new View({projection, center: [0, 0], resolution: 1})});
  const pixels = [];
  for (const [resolution, x, y] of points) {
    map.getView().setResolution(resolution);
    map.getView().setCenter([x, y]);
    await new Promise((done) => map.once('rendercomplete', done));
    pixels.push([...layer.getData(map.getPixelFromCoordinate([x, y]))]);
  }
  return {crs: projection.getCode(), extent: grid.getExtent(), resolutions: grid.getResolutions(), pixels};
}

look(JSON.parse(decodeURIComponent(location.hash.slice(1))))
  .catch((error) => ({error: String(error.stack)}))
  .then((seen) => fetch('seen', {method: 'POST', body: JSON.stringify(seen)}));
