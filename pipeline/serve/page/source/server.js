/** The cube as `idgbr serve` gives it. */
export function serverSource(root = new URL('.', document.baseURI)) {
  const address = (path, query = {}) => {
    const url = new URL(path, root);
    for (const [name, value] of Object.entries(query)) if (value) url.searchParams.set(name, value);
    return url.href;
  };
  return {
    cube: (version) => ask(address('cube', {version})),
    tiles: (layer, query) => `${address(`tiles/${layer}/`)}{z}/{x}/{y}.png?${new URLSearchParams(query)}`,
    zooms: async (layer, version) => {
      const {minzoom, maxzoom} = await ask(address(`tiles/${layer}/tile.json`, {version}));
      return {minzoom, maxzoom};
    },
    legend: (layer, version) => ask(address('legend.json', {layer, version})),
    point: (lon, lat, version) => ask(address('point', {lon: String(lon), lat: String(lat), version})),
    areas: (geometry, version, period) =>
      ask(address('areas', {version, period}), {
        method: 'POST',
        headers: {'Content-Type': 'application/json'},
        body: JSON.stringify(geometry),
      }),
  };
}

/** The JSON of an answer. Throws an Error of one sentence, the server's own where it gave one. */
async function ask(url, options) {
  let response;
  try {
    response = await fetch(url, options);
  } catch {
    throw new Error('The server does not answer. Is it still running?');
  }
  const content = await response.json().catch(() => ({}));
  if (!response.ok) throw new Error(content.error ?? `The server answered ${response.status}.`);
  return content;
}
