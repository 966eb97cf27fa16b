// Uses a page of `idgbr export --html` with two periods, and looks at the served one for the same: node periods.js FILE URL
// FOLDER FIRST SECOND, the first days of the periods.
import {pathToFileURL} from 'node:url';
import {launch, listen, pixelsOf, settle} from './looking.js';

const [, , file, address, folder, first, second] = process.argv;
const browser = await launch();
const context = await browser.newContext({viewport: {width: 1280, height: 800}, colorScheme: 'light'});
const local = pathToFileURL(file).href;
const seen = {errors: []};
const opened = async (url) => {
  const page = await context.newPage();
  page.setDefaultTimeout(60_000);
  listen(page, seen.errors);
  await page.goto(url);
  await page.getByRole('heading', {level: 1}).waitFor();
  await settle(page);
  return page;
};

const page = await opened(local);
const at = new URLSearchParams(new URL(page.url()).hash.slice(1)).get('at');
const newer = await settle(page);
await page.getByLabel('Period', {exact: true}).fill('0');
seen.period_changes_the_map = (await settle(page)) !== newer;
await page.getByLabel('Period', {exact: true}).fill('1');
seen.and_back = (await settle(page)) === newer;
await page.getByLabel('Over it').selectOption(`since:${first}`);
seen.change_is_shown = (await settle(page)) !== newer;
await page.screenshot({path: `${folder}/change.png`});
await page.getByLabel('Over it').selectOption('none');
await page.getByLabel('Swipe', {exact: true}).selectOption(`period ${first}`);
await settle(page);
seen.sides = await page.locator('.side-name').allTextContents();
await page.screenshot({path: `${folder}/periods.png`});
await page.getByLabel('Swipe', {exact: true}).selectOption('off');
await page.locator('#map canvas').first().click({position: {x: 450, y: 400}});
await page.locator('#place .answer').waitFor();
seen.place = await page.locator('#place').innerText();
await page.locator('#areas').evaluate((element) => { element.open = true; });
await page.locator('#areas table').waitFor();
seen.areas = await page.locator('#areas').innerText();
seen.said = await page.locator('#say').innerText();
await page.close();
const linked = await opened(`${local}#at=${at}&base=mosaic`);
seen.linked = (await linked.locator('#say').innerText()) + new URL(linked.url()).hash;
await linked.close();

const shown = [`period=${first}`, `period=${second}`, `classes=none&period=${second}&overlay=since:${first}`]
  .map((part) => `base=none&${part}`);
seen.pixels = await pixelsOf(opened, [local, address], at, shown);
await browser.close();
console.log(JSON.stringify(seen));
