// Uses a page that `idgbr export --html` wrote, and looks at the served one for the same: node single.js FILE URL FOLDER
import {pathToFileURL} from 'node:url';
import {launch, listen, loads, pixelsOf, settle} from './looking.js';

const [, , file, address, folder] = process.argv;
const browser = await launch();
const context = await browser.newContext({viewport: {width: 1280, height: 800}, colorScheme: 'light'});
const seen = {errors: [], loaded: []};
const local = pathToFileURL(file).href;

const opened = async (url) => {
  const page = await context.newPage();
  page.setDefaultTimeout(60_000);
  await page.goto(url);
  await page.getByRole('heading', {level: 1}).waitFor();
  await settle(page);
  return page;
};

const page = await context.newPage();
page.setDefaultTimeout(60_000);
listen(page, seen.errors);
loads(page, seen.loaded, (url) => url === local);
await page.goto(local);
await page.getByRole('heading', {level: 1}).waitFor();
const start = await settle(page);
await page.screenshot({path: `${folder}/single.png`});
const at = new URLSearchParams(new URL(page.url()).hash.slice(1)).get('at');
await page.getByLabel('Swipe', {exact: true}).selectOption('coarse');
await settle(page);
seen.sides = await page.locator('.side-name').allTextContents();
await page.screenshot({path: `${folder}/single-swipe.png`});
await page.getByLabel('Swipe', {exact: true}).selectOption('off');
await page.locator('.class').first().click();
seen.hiding_changes_the_map = (await settle(page)) !== start;
await page.getByRole('button', {name: 'Show all classes'}).click();
seen.showing_all_restores_it = (await settle(page)) === start;
await page.locator('#map canvas').first().click({position: {x: 450, y: 400}});
await page.locator('#place .answer').waitFor();
seen.place = await page.locator('#place').innerText();
await page.locator('#areas').evaluate((element) => { element.open = true; });
await page.locator('#areas table').waitFor();
seen.areas = await page.locator('#areas').innerText();
await page.locator('#about').evaluate((element) => { element.open = true; });
seen.about = await page.locator('#about p').innerText();
await page.screenshot({path: `${folder}/single-panel.png`});

const shown = ['classes=landcover', 'classes=coarse', 'palette=safe', 'overlay=confidence', 'overlay=refined'];
seen.pixels = await pixelsOf(opened, [local, address], at, shown);
await page.emulateMedia({media: 'print'});
await page.screenshot({path: `${folder}/single-print.png`});
await browser.close();
console.log(JSON.stringify(seen));
