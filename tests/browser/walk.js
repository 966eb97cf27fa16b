// Uses every control of the page at an address, in Chromium, and prints what it saw as JSON: node walk.js URL FOLDER
import {readFileSync} from 'node:fs';
import {createRequire} from 'node:module';
import {chromium} from 'playwright-core';

const [, , address, folder] = process.argv;
const axe = createRequire(import.meta.url).resolve('axe-core/axe.min.js');
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: ['--no-sandbox', '--use-angle=swiftshader', '--enable-unsafe-swiftshader'],
});
const context = await browser.newContext({viewport: {width: 1280, height: 800}, colorScheme: 'light'});
const page = await context.newPage();
page.setDefaultTimeout(60_000);
const seen = {errors: [], outside: [], failed: [], axe: {}};
page.on('console', (message) => ['error', 'warning'].includes(message.type()) && !/GL Driver Message/.test(message.text()) && seen.errors.push(message.text()));
page.on('pageerror', (error) => seen.errors.push(String(error)));
page.on('request', (request) => /^(data|blob):/.test(request.url()) || request.url().startsWith(address) || seen.outside.push(request.url()));
page.on('response', (response) => response.status() >= 400 && seen.failed.push(`${response.status()} ${response.url()}`));

const open = (id) => page.locator(`#${id}`).evaluate((element) => { element.open = true; });
const choose = async (label, value) => { await page.getByLabel(label, {exact: true}).selectOption(value); await settle(); };
const shot = (name) => page.screenshot({path: `${folder}/${name}.png`});
const pixels = () => page.locator('#map canvas').first().evaluate((canvas) => {
  const gl = canvas.getContext('webgl2');
  const all = new Uint8Array(4 * gl.drawingBufferWidth * gl.drawingBufferHeight);
  gl.readPixels(0, 0, gl.drawingBufferWidth, gl.drawingBufferHeight, gl.RGBA, gl.UNSIGNED_BYTE, all);
  let sum = 0;
  for (let at = 0; at < all.length; at += 4) sum = (sum * 31 + all[at] + 7 * all[at + 1] + 13 * all[at + 2]) >>> 0;
  return sum;
});
/** Waits until the map stays as it is. */
const settle = async () => {
  await page.waitForLoadState('networkidle');
  for (let same = 0, last = null; same < 3;) {
    await page.waitForTimeout(250);
    const now = await pixels();
    same = now === last ? same + 1 : 0;
    last = now;
  }
};
const audit = async (name) => {
  await page.evaluate(readFileSync(axe, 'utf8'));
  const {violations} = await page.evaluate(() => globalThis.axe.run(document, {runOnly: ['wcag2a', 'wcag2aa', 'wcag21aa']}));
  seen.axe[name] = violations.map(({id, nodes}) => `${id}: ${nodes.map(({html}) => html.slice(0, 120)).join(' | ')}`);
};

await page.goto(address);
await page.getByRole('heading', {level: 1}).waitFor();
await settle();
seen.title = await page.title();
await shot('desktop');
const before = await pixels();
const legend = page.locator('.class');
seen.classes = await legend.count();
await legend.first().click();
await settle();
seen.hidden = await legend.first().getAttribute('aria-pressed');
seen.hiding_changes_the_map = (await pixels()) !== before;
await page.getByRole('button', {name: 'Show all classes'}).click();
await settle();
seen.showing_all_restores_it = (await pixels()) === before;
await page.getByLabel('Strength of the classes').fill('40');
await settle();
seen.strength_changes_the_map = (await pixels()) !== before;
await page.getByLabel('Strength of the classes').fill('80');
await settle();
for (const value of ['false-color', 'none', 'mosaic']) await choose('Ground', value);
for (const value of ['confidence', 'refined']) {
  const plain = await pixels();
  await choose('Over it', value);
  seen[`${value}_changes_the_map`] = (await pixels()) !== plain;
  seen[`${value}_legend`] = await page.locator('#legend .ramp').innerText();
}
const overlays = await page.getByLabel('Over it', {exact: true}).locator('option').evaluateAll((all) => all.map(({value}) => value));
const against = overlays.find((value) => value.startsWith('version:'));
if (against) await choose('Over it', against);
seen.difference = against ?? null;
await choose('Over it', 'none');
await choose('Swipe', 'coarse');
const bar = page.getByRole('slider', {name: 'Border between the two maps'});
await bar.focus();
await bar.press('ArrowLeft');
await bar.press('Home');
await bar.press('PageUp');
seen.swipe = await bar.getAttribute('aria-valuenow');
await bar.press('End');
for (let step = 0; step < 5; step += 1) await bar.press('PageDown');
await settle();
await shot('swipe');
await choose('Colours', 'safe');
await shot('safe');
await choose('Colours', '');
await choose('Swipe', 'off');
await page.locator('#map canvas').first().click({position: {x: 420, y: 420}});
await page.locator('#place dl').first().waitFor();
seen.place = await page.locator('#place').innerText();
await open('areas');
await page.locator('#areas table').waitFor();
seen.areas = await page.locator('#areas tbody tr').count();
await page.getByRole('button', {name: 'Draw an area'}).click();
for (const [x, y] of [[360, 300], [520, 300], [520, 460]]) await page.locator('#map canvas').first().click({position: {x, y}});
await page.getByRole('button', {name: 'Finish'}).click();
await page.getByText('mapped in the area').waitFor();
seen.drawn = await page.locator('#areas .body > div p').first().innerText();
await shot('areas');
await page.getByRole('button', {name: 'Whole view'}).click();
await page.getByText('mapped in the view').waitFor();
const [west, south, east, north] = (await (await fetch(new URL('cube', address))).json()).bounds;
const within = (share) => [west + (east - west) * share, south + (north - south) * share];
const square = (low, high) => {
  const [[w, s], [e, n]] = [within(low), within(high)];
  return JSON.stringify({type: 'Feature', properties: {}, geometry: {type: 'Polygon', coordinates: [[[w, s], [e, s], [e, n], [w, n], [w, s]]]}});
};
const told = () => page.locator('#areas .body > div p').first().innerText();
await page.locator('#area-file').setInputFiles({name: 'chosen.geojson', mimeType: 'application/geo+json', buffer: Buffer.from(square(0.3, 0.6))});
await page.getByText('mapped in the area').waitFor();
seen.chosen = await told();
await settle();
await page.evaluate((text) => {
  const dataTransfer = new DataTransfer();
  dataTransfer.items.add(new File([text], 'dropped.geojson'));
  document.dispatchEvent(new DragEvent('drop', {dataTransfer, cancelable: true}));
}, square(0.4, 0.5));
await page.waitForFunction((before) => document.querySelector('#areas .body > div p').innerText !== before, seen.chosen);
seen.dropped = await told();
await page.evaluate(() => {
  const dataTransfer = new DataTransfer();
  dataTransfer.items.add(new File(['no map'], 'notes.txt'));
  document.dispatchEvent(new DragEvent('drop', {dataTransfer, cancelable: true}));
});
await page.getByText('This file is no GeoJSON').waitFor();
await page.getByRole('button', {name: 'Whole view'}).click();
await page.getByText('mapped in the view').waitFor();
await open('accuracy');
await choose('Classes', 'coarse');
const link = page.url();
await page.reload();
await settle();
seen.link_keeps = page.url() === link && (await page.getByLabel('Classes', {exact: true}).inputValue()) === 'coarse';
await choose('Classes', 'landcover');
const swipes = () => page.getByLabel('Swipe', {exact: true}).locator('option').evaluateAll((all) => all.map(({value}) => value));
seen.swipes_of_newest = await swipes();
await Promise.all([page.waitForEvent('load'), page.getByLabel('Version', {exact: true}).fill('0')]);
await settle();
seen.swipes_of_oldest = await swipes();
await Promise.all([page.waitForEvent('load'), page.getByLabel('Version', {exact: true}).fill('1')]);
await settle();
seen.back = (await swipes()).join() === seen.swipes_of_newest.join();
await page.goto('about:blank');
await page.goto(address);
await settle();
await audit('light');
await choose('Theme', 'dark');
await audit('dark');
await shot('dark');
await choose('Theme', '');
const walked = [];
await page.evaluate(() => document.activeElement?.blur());
for (let step = 0; step < 40; step += 1) {
  await page.keyboard.press('Tab');
  walked.push(await page.evaluate(() => document.activeElement?.closest('details')?.id || document.activeElement?.className || document.activeElement?.tagName));
}
seen.walked = [...new Set(walked)];
await page.emulateMedia({media: 'print'});
await page.setViewportSize({width: 794, height: 1123});
await page.waitForTimeout(800);
await page.screenshot({path: `${folder}/print.png`, fullPage: true});
await page.emulateMedia({media: 'screen'});
await page.setViewportSize({width: 390, height: 844});
await settle();
await shot('phone');
console.log(JSON.stringify(seen));
await browser.close();
