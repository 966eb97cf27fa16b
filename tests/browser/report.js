// Opens a run's page at the widths of a phone and a desk, and prints what it saw as JSON: node report.js FILE FOLDER
import {pathToFileURL} from 'node:url';
import {audit, launch, listen, loads} from './looking.js';

const [, , file, folder] = process.argv;
const browser = await launch();
const page = await browser.newPage({colorScheme: 'light'});
const local = pathToFileURL(file).href;
const seen = {errors: [], loaded: []};
listen(page, seen.errors);
loads(page, seen.loaded, (url) => url === local);

/** Words of tables with a head, and those of them that stand on two lines. */
const words = () => {
  const found = {words: 0, broken: []};
  for (const cell of document.querySelectorAll('thead th, thead ~ tbody > tr > *')) {
    const walker = document.createTreeWalker(cell, NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) {
      for (const {0: word, index} of walker.currentNode.data.matchAll(/[^\s-]+/g)) {
        const range = document.createRange();
        range.setStart(walker.currentNode, index);
        range.setEnd(walker.currentNode, index + word.length);
        found.words += 1;
        if (new Set([...range.getClientRects()].map(({top}) => Math.round(top))).size > 1) found.broken.push(word);
      }
    }
  }
  return found;
};

for (const width of [360, 1280]) {
  await page.setViewportSize({width, height: 800});
  await page.goto(local);
  const beyond = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  seen[width] = {beyond, ...(await page.evaluate(words)), axe: await audit(page)};
  await page.screenshot({path: `${folder}/report-${width}.png`, fullPage: true});
}
await browser.close();
console.log(JSON.stringify(seen));
