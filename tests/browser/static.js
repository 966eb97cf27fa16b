// Uses the page of an export by --zarr --page: node static.js QUESTION. own, elsewhere, forbidden: addresses of the page
// in the folder of the export, elsewhere with storage that lets it read the export, and with one that does not. views:
// x, y and metres a pixel of the pictures OWN-0.png, ... that are left in the folder.
import {writeFileSync} from 'node:fs';
import {audit, launch, listen, loads, settle as settled} from './looking.js';

const {own, elsewhere, forbidden, views, storage, folder} = JSON.parse(process.argv[2]);
const browser = await launch();
const context = await browser.newContext({viewport: {width: 1200, height: 800}, colorScheme: 'light'});
const seen = {errors: [], outside: [], axe: {}};

async function opened(url, quiet = true) {
  const page = await context.newPage();
  page.setDefaultTimeout(60_000);
  const absent = (message) => /\/c(\/\d+)+$/.test(message.location().url); // A chunk without data has no file.
  listen(page, seen.errors, (message) => !quiet || absent(message));
  if (quiet) loads(page, seen.outside, (url) => [own, storage].some((at) => url.startsWith(new URL(at).origin)));
  await page.goto(url);
  return page;
}
/** The picture of the map once it stays as it is, a PNG in base64. */
const settle = (page) => settled(page, async () => (await page.locator('#map canvas').first().screenshot()).toString('base64'));
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
for (const scheme of ['light', 'dark']) {
  await page.emulateMedia({colorScheme: scheme});
  seen.axe[scheme] = await audit(page);
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
