// The Chromium that is installed, with a page of ours in it.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import {chromium} from 'playwright-core';
import {serve} from './serve.mjs';

const NAMES = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'];
const executablePath = process.env.PATH.split(path.delimiter)
  .flatMap(dir => NAMES.map(name => path.join(dir, name)))
  .find(file => fs.existsSync(file));

/**
 * @param {string} file the page, in this folder
 * @param {Record<string, string>} roots what is served beside this folder
 */
export async function openPage(file, roots) {
  assert(executablePath, `none of ${NAMES.join(', ')} is on the search path`);
  const server = await serve({tests: import.meta.dirname, ...roots});
  // The tests run as root in containers, where Chromium's own sandbox does not start.
  const browser = await chromium.launch({executablePath, headless: true, args: process.getuid?.() === 0 ? ['--no-sandbox'] : []});
  const page = await browser.newPage();
  await page.goto(`${server.url}/tests/${file}`);
  await page.waitForFunction('window.ready');
  const close = async () => {
    await browser.close();
    server.close();
  };
  return {page, close};
}
