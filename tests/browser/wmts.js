// Posts what OpenLayers makes of wmts.xml: its grid, and the address of the tile of the URL's hash: [z, x, y].
import WMTSCapabilities from 'ol/format/WMTSCapabilities.js';
import WMTS, {optionsFromCapabilities} from 'ol/source/WMTS.js';

async function read(tile) {
  const capabilities = new WMTSCapabilities().read(await (await fetch('wmts.xml')).text());
  const source = new WMTS(optionsFromCapabilities(capabilities, {layer: 'landcover'}));
  const grid = source.getTileGrid();
  return {
    layers: capabilities.Contents.Layer.map((layer) => layer.Identifier),
    crs: source.getProjection().getCode(),
    origin: grid.getOrigin(0),
    resolution: grid.getResolution(0),
    url: source.getTileUrlFunction()(tile, 1, source.getProjection()),
  };
}

read(JSON.parse(decodeURIComponent(location.hash.slice(1))))
  .catch((error) => ({error: String(error.stack)}))
  .then((seen) => fetch('seen', {method: 'POST', body: JSON.stringify(seen)}));
