// For each user, format and library: the records that come through the filter are those that the evaluation allows.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';

import { consumers } from './consumers.mjs';
import { manifests, refusals, rows, users } from './domain.mjs';

const binary = fileURLToPath(new URL('../../bin/kubectl-remit', import.meta.url));

let folder;
let server;
let base;

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'remit-adapters-'));
  await writeFile(join(folder, 'domain.yaml'), manifests.map((m) => JSON.stringify(m)).join('\n---\n'));
  server = spawn(binary, ['serve', '-f', folder, '--bind-address', '127.0.0.1:0'], { stdio: ['ignore', 'pipe', 'inherit'] });
  base = await new Promise((resolve, reject) => {
    server.once('error', reject);
    server.once('exit', (code) => reject(new Error(`kubectl-remit serve ended with ${code}`)));
    createInterface(server.stdout).on('line', (line) => {
      const [url] = line.match(/http:\/\/\S+(?=\/access\/v1\/evaluation)/) ?? [];
      if (url) resolve(url);
    });
  });
});

after(async () => {
  if (server?.exitCode === null) {
    const ended = new Promise((resolve) => { server.once('exit', resolve); });
    server.kill('SIGINT');
    await ended;
  }
  await rm(folder, { recursive: true, force: true });
});

async function post(path, body) {
  const response = await fetch(base + path, { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body) });
  const answer = await response.json();
  assert.equal(response.status, 200, JSON.stringify(answer));
  return answer;
}

const asking = (user) => ({ subject: { type: 'user', id: user }, action: { name: 'read' } });

// allowed are the ids of the rows that the user may read, asked one by one.
async function allowed(user) {
  const { evaluations } = await post('/access/v1/evaluations', {
    ...asking(user),
    evaluations: rows.map(({ id, ...properties }) => ({ resource: { type: 'order', id, properties } })),
  });
  assert.equal(evaluations.length, rows.length);
  for (const { context } of evaluations) {
    assert.equal(context.error, undefined);
  }
  return rows.filter((_, i) => evaluations[i].decision).map((row) => row.id);
}

// kinds are those that filters had.
const kinds = new Set();

describe('filters', () => {
  for (const user of users) {
    it(user, async () => {
      const want = await allowed(user);
      for (const [format, readers] of Object.entries(consumers)) {
        const answer = await post('/filter', { ...asking(user), resource: { type: 'order' }, format });
        kinds.add(answer.kind);
        if (answer.kind === 'conditional') {
          assert.ok(want.length > 0 && want.length < rows.length, `the rows do not tell the condition apart: ${want}`);
        }
        for (const [name, read] of Object.entries(readers)) {
          const refusal = refusals[user]?.[name];
          if (refusal) {
            assert.throws(() => read(answer, rows), refusal);
          } else {
            assert.deepEqual(read(answer, rows), want, `${name} by ${JSON.stringify(answer)}`);
          }
        }
      }
    });
  }
  it('are of every kind', () => assert.deepEqual([...kinds].sort(), ['always', 'conditional', 'never']));
});
