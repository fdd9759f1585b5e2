// A static server for the page and the converted models, on 127.0.0.1 and a free port.
import fs from 'node:fs';
import http from 'node:http';
import path from 'node:path';

const TYPES = {'.html': 'text/html', '.js': 'text/javascript', '.mjs': 'text/javascript', '.json': 'application/json', '.wasm': 'application/wasm'};

/** @param {Record<string, string>} roots folder by first part of the path */
export async function serve(roots) {
  const server = http.createServer((request, response) => {
    const {pathname} = new URL(request.url, 'http://127.0.0.1');
    const [, first, ...rest] = decodeURIComponent(pathname).split('/');
    const root = roots[first];
    const file = root && path.join(root, ...rest);
    if (!file || !file.startsWith(root + path.sep) || !fs.existsSync(file)) {
      response.writeHead(404).end();
      return;
    }
    response.setHeader('content-type', TYPES[path.extname(file)] ?? 'application/octet-stream');
    fs.createReadStream(file).pipe(response);
  });
  await new Promise(resolve => server.listen(0, '127.0.0.1', resolve));
  return {url: `http://127.0.0.1:${server.address().port}`, close: () => server.close()};
}
