// Uses the page of an export by --zarr --page: node static.js QUESTION. own, elsewhere, forbidden: addresses of the page
// in the folder of the export, elsewhere with storage that lets it read the export, and with one that does not. views:
// x, y and metres a pixel of the pictures OWN-0.png, ... that are left in the folder.
import {readFileSync, writeFileSync} from 'node:fs';
import {createRequire} from 'node:module';
import {chromium} from 'playwright-core';

const {own, elsewhere, forbidden, views, storage, folder} = JSON.parse(process.argv[2]);
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: ['--no-sandbox', '--use-angle=swiftshader', '--enable-unsafe-swiftshader'],
});
const context = await browser.newContext({viewport: {width: 1200, height: 800}, colorScheme: 'light'});
const seen = {errors: [], outside: [], axe: {}};

async function opened(url, quiet = true) {
  const page = await context.newPage();
  page.setDefaultTimeout(60_000);
  const absent = ({url}) => /\/c(\/\d+)+$/.test(url); // A chunk without data has no file.
  page.on('console', (message) => quiet && ['error', 'warning'].includes(message.type()) && !/GL Driver Message/.test(message.text()) && !absent(message.location()) && seen.errors.push(message.text()));
  page.on('pageerror', (error) => seen.errors.push(String(error)));
  page.on('request', (request) => !quiet || /^(data|blob):/.test(request.url()) || [own, storage].some((at) => request.url().startsWith(new URL(at).origin)) || seen.outside.push(request.url()));
  await page.goto(url);
  return page;
}
/** The picture of the map once it stays as it is, a PNG in base64. */
async function settle(page) {
  await page.waitForLoadState('networkidle');
  for (let last = '', same = 0; same < 3;) {
    await page.waitForTimeout(250);
    const now = (await page.locator('#map canvas').first().screenshot()).toString('base64');
    same = now === last ? same + 1 : 0;
    last = now;
    if (same === 3) return now;
  }
}
for (const [name, url] of Object.entries({own, elsewhere})) {
  for (const [at, view] of views.entries()) {
    const page = await opened(`${url}#at=${view}`);
    await page.getByRole('heading', {level: 1}).waitFor();
    writeFileSync(`${folder}/${name}-${at}.png`, await settle(page), 'base64');
    await page.close();
  }
}
const page = await opened(own);
await page.getByRole('heading', {level: 1}).waitFor();
const start = await settle(page);
await page.screenshot({path: `${folder}/static.png`});
await page.evaluate(readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8'));
for (const scheme of ['light', 'dark']) {
  await page.emulateMedia({colorScheme: scheme});
  seen.axe[scheme] = await page.evaluate(async () => (await globalThis.axe.run(document, {runOnly: ['wcag2a', 'wcag2aa', 'wcag21aa']})).violations.map(({id, nodes}) => `${id}: ${nodes.map((node) => node.html).join(' ')}`));
}
await page.emulateMedia({colorScheme: 'light'});
await page.locator('.class').first().focus();
await page.keyboard.press('Enter');
seen.hiding_changes_the_map = (await settle(page)) !== start;
await page.keyboard.press('Enter');
seen.showing_restores_it = (await settle(page)) === start;
await page.getByLabel('Layer').selectOption('confidence');
seen.confidence_differs = (await settle(page)) !== start;
await page.getByLabel('Layer').selectOption('landcover');
await settle(page);
seen.periods = await page.getByLabel('Period').locator('option').allTextContents();
await page.getByLabel('Period').selectOption({index: 0});
seen.period_differs = (await settle(page)) !== start;
seen.link = new URL(page.url()).hash;
await page.close();

const clicked = await opened(`${own}#at=${views[0]}`);
await clicked.getByRole('heading', {level: 1}).waitFor();
await settle(clicked);
const box = await clicked.locator('#map').boundingBox();
await clicked.mouse.click(box.x + box.width / 2 + 0.5, box.y + box.height / 2 + 0.5);
await clicked.locator('#place .answer').waitFor();
seen.place = await clicked.locator('#place').innerText();
await clicked.locator('#map').press('ArrowRight');
await settle(clicked);
await clicked.locator('#map').press('Enter');
await clicked.locator('#place').filter({hasNotText: seen.place.split('\n')[0]}).waitFor();
seen.beside = await clicked.locator('#place').innerText();
await clicked.mouse.click(box.x + 5, box.y + box.height - 60);
await clicked.getByText('Outside the map.').waitFor();
await clicked.screenshot({path: `${folder}/static-place.png`});
await clicked.setViewportSize({width: 390, height: 844});
await settle(clicked);
await clicked.screenshot({path: `${folder}/static-phone.png`});
await clicked.close();

const refused = await opened(forbidden, false);
await refused.locator('#say').filter({hasText: 'CORS'}).waitFor();
seen.refused = await refused.locator('#say').innerText();
await browser.close();
console.log(JSON.stringify(seen));
