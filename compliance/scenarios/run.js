// Runs cases, several at once, and tells how each ended. The same in Node and in browsers.
import { rows } from './rows.js';
import { Trial } from './trial.js';

const scenarios = new Map(rows.map((row) => [row.id, row.run]));

/** Rejects when the work takes longer. */
function within(seconds, work) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`not done within ${seconds} s`)), seconds * 1000);
  });
  return Promise.race([work, late]).finally(() => clearTimeout(timer));
}

async function runOne(each, runtime, seconds) {
  const log = [];
  const started = Date.now();
  let error = null;
  const trial = new Trial({ ...each, log }, runtime);
  try {
    await within(seconds, scenarios.get(each.row)(trial));
  } catch (failure) {
    error = failure?.stack ?? String(failure);
    if (failure?.message && !error.includes(failure.message)) error = `${failure.message}\n${error}`;
  }
  // A connection that cannot be stopped must not hold up the others.
  await within(seconds, trial.end()).catch((failure) => (error ??= `while stopping: ${failure.message}`));
  return { id: each.id, title: each.title, milliseconds: Date.now() - started, error, log: error ? log : [] };
}

/**
 * @param {ReturnType<import('./cases.js').casesOf>} cases
 * @param {import('./trial.js').Runtime} runtime
 * @param {{atOnce: number, seconds: number}} limits
 */
export async function run(cases, runtime, { atOnce, seconds }) {
  const results = [];
  const waiting = [...cases];
  const worker = async () => {
    for (let each = waiting.shift(); each; each = waiting.shift()) results.push(await runOne(each, runtime, seconds));
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
  return results;
}
