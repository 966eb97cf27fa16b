// Opens a run's page at the widths of a phone and a desk, and prints what it saw as JSON: node report.js FILE FOLDER
import {readFileSync} from 'node:fs';
import {createRequire} from 'node:module';
import {pathToFileURL} from 'node:url';
import {chromium} from 'playwright-core';

const [, , file, folder] = process.argv;
const axe = createRequire(import.meta.url).resolve('axe-core/axe.min.js');
const browser = await chromium.launch({executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: ['--no-sandbox']});
const page = await browser.newPage({colorScheme: 'light'});
const local = pathToFileURL(file).href;
const seen = {errors: [], loaded: []};
page.on('console', (message) => ['error', 'warning'].includes(message.type()) && seen.errors.push(message.text()));
page.on('pageerror', (error) => seen.errors.push(String(error)));
page.on('request', (request) => /^(data|blob):/.test(request.url()) || request.url() === local || seen.loaded.push(request.url()));

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
  await page.evaluate(readFileSync(axe, 'utf8'));
  const {violations} = await page.evaluate(() => globalThis.axe.run(document, {runOnly: ['wcag2a', 'wcag2aa', 'wcag21aa']}));
  const told = violations.map(({id, nodes}) => `${id}: ${nodes.map(({html}) => html.slice(0, 120)).join(' | ')}`);
  seen[width] = {beyond, ...(await page.evaluate(words)), axe: told};
  await page.screenshot({path: `${folder}/report-${width}.png`, fullPage: true});
}
await browser.close();
console.log(JSON.stringify(seen));
