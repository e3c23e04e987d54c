// Assertions for Node and browsers alike. Each throws an Error whose message shows both values.

/** @param {unknown} value */
function show(value) {
  if (value instanceof Error) return String(value);
  if (value instanceof Date) return `Date(${value.toISOString()})`;
  if (value instanceof Uint8Array) return `Uint8Array[${Array.from(value).join(',')}]`;
  if (value === undefined) return 'undefined';
  return JSON.stringify(value, (_, inner) => (inner instanceof Uint8Array ? show(inner) : inner));
}

/** Deep equality that tells types apart: a Date is no string, bytes are no array. */
function same(actual, expected) {
  if (Object.is(actual, expected)) return true;
  if (typeof actual !== 'object' || typeof expected !== 'object' || !actual || !expected) return false;
  if (actual instanceof Date || expected instanceof Date) {
    return actual instanceof Date && expected instanceof Date && actual.getTime() === expected.getTime();
  }
  if (actual instanceof Uint8Array || expected instanceof Uint8Array) {
    if (!(actual instanceof Uint8Array && expected instanceof Uint8Array)) return false;
    return actual.length === expected.length && actual.every((byte, index) => byte === expected[index]);
  }
  if (Array.isArray(actual) !== Array.isArray(expected)) return false;
  const names = Object.keys(actual);
  return (
    names.length === Object.keys(expected).length &&
    names.every((name) => Object.hasOwn(expected, name) && same(actual[name], expected[name]))
  );
}

export function equal(actual, expected, what = 'value') {
  if (!same(actual, expected)) throw new Error(`${what}: expected ${show(expected)}, got ${show(actual)}`);
}

export function different(actual, unexpected, what = 'value') {
  if (same(actual, unexpected)) throw new Error(`${what}: ${show(actual)} should have changed`);
}

export function isTrue(condition, what) {
  if (!condition) throw new Error(what);
}

export function contains(text, part, what = 'text') {
  if (!String(text).includes(part)) throw new Error(`${what}: expected ${show(part)} in ${show(String(text))}`);
}

/** The message that a promise is rejected with. */
export async function rejection(promise, what = 'call') {
  let value;
  try {
    value = await promise;
  } catch (error) {
    return error.message;
  }
  throw new Error(`${what}: should have failed, gave ${show(value)}`);
}
