'use strict';
// JSON's numbers through JavaScript unharmed: CouchDB keeps 9007199254740993 and 1.0 as they were written, JSON.parse
// does not. A number whose text would change travels as a marked string, and becomes a number again on its way out.
// Inside, where Mango compares, it is that string.

const MARK = '\uE000number:';
const TOKEN = /"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g;
const MARKED = new RegExp(`"${MARK}([^"]*)"`, 'g');

// Throws where a number is beyond what a double holds, as CouchDB does.
exports.exactNumbersIn = (text) => text.replace(TOKEN, (token) => {
  if (token[0] === '"' || String(Number(token)) === token) return token;
  if (!Number.isFinite(Number(token)) && /[.eE]/.test(token)) throw new RangeError(token);
  return `"${MARK}${token}"`;
});

exports.exactNumbersOut = (response) => {
  response.send = function (body) {
    const { send } = Object.getPrototypeOf(this); // of the application that answers, which may not be the first
    if (typeof body !== 'string' && !Buffer.isBuffer(body)) return send.call(this, body);
    const type = String(this.getHeader('Content-Type') || '');
    if (!/^(application\/json|text\/plain)/.test(type) || !body.includes(MARK)) return send.call(this, body);
    return send.call(this, body.toString().replace(MARKED, '$1'));
  };
};
