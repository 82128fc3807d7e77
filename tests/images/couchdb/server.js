'use strict';
// A stand-in for CouchDB: express-pouchdb, with what it lacks put in front of it where that is cheap. See the Dockerfile
// for what is still missing. COUCHDB_USER and COUCHDB_PASSWORD name the first administrator.
//
// Rule: a request is answered here as CouchDB 3 does, or handed on unchanged. Databases lie below DATA.

const crypto = require('crypto');
const express = require('express');
const fs = require('fs');
const expressPouch = require('express-pouchdb');
const { exactNumbersIn, exactNumbersOut } = require('./numbers');
const PouchCore = require('pouchdb-core')
  .plugin(require('pouchdb-adapter-leveldb'))
  .plugin(require('pouchdb-mapreduce'));

const DATA = '/opt/couchdb/data/';
const VERSION = '3.5.1'; // whose answers were copied
const { COUCHDB_USER: user, COUCHDB_PASSWORD: password } = process.env;
const uuid = crypto.randomBytes(16).toString('hex');
const sessions = new Map();
const Pouch = PouchCore.defaults({ adapter: 'leveldb', prefix: DATA });

const fail = (response, status, error, reason) => response.status(status).json({ error, reason });
const settle = (handler) => (request, response, next) => handler(request, response, next).catch(next);
// express-pouchdb drops a slash in a database's name, so it is an exclamation mark inside: no legal name has one.
const shown = (name) => name.replace(/!/g, '/');
const opened = new Map();
const database = (name) => {
  if (!opened.has(name)) {
    const found = new Pouch(name);
    found.once('destroyed', () => opened.delete(name));
    opened.set(name, found);
  }
  return opened.get(name);
};
const databases = async () => (await Pouch.allDbs()).map(shown).sort();
const same = (left, right) => left.length === right.length && crypto.timingSafeEqual(left, right);
const administrators = new Map([[user, password]]);
const right = (name, given) => administrators.has(name) && same(Buffer.from(given), Buffer.from(administrators.get(name)));

const app = express();
app.disable('x-powered-by');
app.set('case sensitive routing', true);
app.set('query parser', 'simple');

app.use((request, response, next) => {
  response.set('Server', 'express-pouchdb stand-in');
  delete request.headers['accept-encoding']; // answers are edited below, so not compressed
  request.url = request.originalUrl = request.url.replace(/^\/[^/?]*/, (name) => name.replace(/%2F/gi, '!'));
  exactNumbersOut(response);
  response.on('finish', () => {
    if (response.statusCode >= 500) console.error(`${request.method} ${request.originalUrl} ${response.statusCode}`);
  });
  next();
});

// --- who is asking -----------------------------------------------------------------------------------------------

app.use((request, response, next) => {
  const basic = /^Basic (.*)$/i.exec(request.headers.authorization || '');
  const cookie = /(?:^|; *)AuthSession=([^;]*)/.exec(request.headers.cookie || '');
  if (basic) {
    const [, name, given] = /^([^:]*):(.*)$/s.exec(Buffer.from(basic[1], 'base64').toString()) || [null, '', ''];
    if (!right(name, given)) return fail(response, 401, 'unauthorized', 'Name or password is incorrect.');
    request.administrator = name;
  } else if (cookie && sessions.has(cookie[1])) {
    request.administrator = sessions.get(cookie[1]);
  }
  const open = ['/', '/_up', '/_session'].includes(request.path) || request.path.startsWith('/_utils');
  if (request.administrator || open) return next();
  if (/^\/(_|$)/.test(request.path)) return fail(response, 401, 'unauthorized', 'You are not a server admin.');
  return fail(response, 401, 'unauthorized', 'You are not authorized to access this db.');
});

// --- bodies ------------------------------------------------------------------------------------------------------

const isAttachment = (parts) =>
  parts.length > 2 && parts[0] !== '_node' && (parts[1] === '_design' || parts[1] === '_local'
    ? parts.length > 3 && !parts[3].startsWith('_')
    : !parts[1].startsWith('_'));

app.use(settle(async (request, response, next) => {
  const type = request.headers['content-type'] || '';
  const parts = request.path.split('/').slice(1);
  if (!['POST', 'PUT'].includes(request.method) || isAttachment(parts) || /^multipart\//.test(type)) return next();
  if (request.path === '/_session' && type.startsWith('application/x-www-form-urlencoded')) return next();
  if (request.method === 'POST' && !type.startsWith('application/json')) {
    return fail(response, 415, 'bad_content_type', 'Content-Type must be application/json');
  }
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  const text = Buffer.concat(chunks).toString();
  try {
    request.body = text ? JSON.parse(exactNumbersIn(text)) : {};
  } catch {
    return fail(response, 400, 'bad_request', 'invalid UTF-8 JSON');
  }
  request._body = true; // what express-pouchdb's own parser looks for
  next();
}));

// --- the server --------------------------------------------------------------------------------------------------

app.get('/', (request, response) => response.json({
  couchdb: 'Welcome', version: VERSION, git_sha: 'stand-in', uuid, features: [], vendor: { name: 'express-pouchdb stand-in' },
}));
app.get('/_up', (request, response) => response.json({ status: 'ok', seeds: {} }));

const context = (request) => (request.administrator ? { name: request.administrator, roles: ['_admin'] } : { name: null, roles: [] });
app.get('/_session', (request, response) => response.json({
  ok: true,
  userCtx: context(request),
  info: { authentication_handlers: ['cookie', 'default'], ...(request.administrator && { authenticated: 'default' }) },
}));
app.post('/_session', express.urlencoded({ extended: false }), (request, response) => {
  const { name, username, password: given } = request.body;
  const who = name || username || '';
  if (!right(who, given || '')) {
    return fail(response, 401, 'unauthorized', 'Name or password is incorrect.');
  }
  const session = crypto.randomBytes(24).toString('base64url');
  sessions.set(session, who);
  response.set('Set-Cookie', `AuthSession=${session}; Version=1; Max-Age=600; Path=/; HttpOnly`);
  return response.json({ ok: true, name: who, roles: ['_admin'] });
});
app.delete('/_session', (request, response) => {
  const cookie = /(?:^|; *)AuthSession=([^;]*)/.exec(request.headers.cookie || '');
  if (cookie) sessions.delete(cookie[1]);
  response.set('Set-Cookie', 'AuthSession=; Version=1; Max-Age=0; Path=/; HttpOnly');
  response.json({ ok: true });
});

app.put('/_node/_local/_config/admins/:name', (request, response) => {
  const before = administrators.has(request.params.name) ? '-hash-' : '';
  administrators.set(request.params.name, request.body);
  response.json(before);
});

const json = (text) => {
  try {
    return text === undefined ? undefined : JSON.parse(text);
  } catch {
    throw Object.assign(new Error('invalid UTF-8 JSON'), { status: 400, error: 'bad_request' });
  }
};
app.get('/_all_dbs', settle(async (request, response) => {
  const { query } = request;
  const from = json(query.startkey || query.start_key);
  const to = json(query.endkey || query.end_key);
  const skip = Number(query.skip || 0);
  let names = await databases();
  if (query.descending === 'true') names.reverse();
  const after = query.descending === 'true' ? (a, b) => a <= b : (a, b) => a >= b;
  names = names.filter((name) => (from === undefined || after(name, from)) && (to === undefined || after(to, name)));
  response.json(names.slice(skip, query.limit === undefined ? undefined : skip + Number(query.limit)));
}));

// --- a database --------------------------------------------------------------------------------------------------

app.use('/:db', settle(async (request, response, next) => {
  const name = shown(request.params.db);
  if (name.startsWith('_') && !['_users', '_replicator'].includes(name)) return next();
  if (!/^[a-z][a-z0-9_$()+/-]*$/.test(name) && !name.startsWith('_')) {
    return fail(response, 400, 'illegal_database_name', `Name: '${name}'. Only lowercase characters (a-z), digits (0-9), ` +
      'and any of the characters _, $, (, ), +, -, and / are allowed. Must begin with a letter.');
  }
  const creates = request.method === 'PUT' && request.path === '/';
  const exists = (await databases()).includes(name);
  if (!creates && !exists) return fail(response, 404, 'not_found', 'Database does not exist.');
  if (creates && exists) {
    return fail(response, 412, 'file_exists', 'The database could not be created, the file already exists.');
  }
  return next();
}));

app.get('/:db', settle(async (request, response, next) => {
  const name = request.params.db;
  if (name.startsWith('_') && !['_users', '_replicator'].includes(name)) return next();
  const info = await database(name).info();
  response.json({
    instance_start_time: '0', db_name: shown(name), purge_seq: '0', update_seq: `${info.update_seq}-standin`,
    sizes: { file: 0, external: 0, active: 0 }, props: {}, doc_del_count: 0, doc_count: info.doc_count,
    disk_format_version: 8, compact_running: false, cluster: { q: 1, n: 1, w: 1, r: 1 },
  });
}));

// CouchDB counts what lies before a page in its tree. Here that is a walk over all of it, so long pages have none.
app.get('/:db/_all_docs', settle(async (request, response, next) => {
  const { query } = request;
  const start = json(query.startkey || query.start_key);
  for (const name of ['limit', 'skip']) {
    if (query[name] !== undefined && !/^-?\d+$/.test(query[name])) {
      return fail(response, 400, 'query_parse_error', `Invalid value for integer: "${query[name]}"`);
    }
  }
  if (Number(query.limit) > 10 || start === undefined || query.descending === 'true') return next();
  const before = await database(request.params.db).allDocs({ endkey: start, inclusive_end: false });
  const answer = response.json.bind(response);
  const send = response.send.bind(response);
  response.send = (body) => {
    response.send = send;
    let page = body;
    try { page = JSON.parse(body); } catch { return send(body); }
    if (page && page.rows) page.offset = before.rows.length + Number(query.skip || 0);
    return answer(page);
  };
  return next();
}));

// Mango: 25 documents unless told otherwise, and a bookmark, which here is the number of documents that came before.
// Neither limit nor skip is left to pouchdb-find: both count a document that `$gt` then leaves out.
const mangoError = (message) => {
  if (message.startsWith('Cannot sort')) return 'no_usable_index';
  return message.startsWith('unknown operator') ? 'invalid_operator' : 'bad_request';
};
app.post('/:db/_find', settle(async (request, response) => {
  const { body } = request;
  if (!body || typeof body.selector !== 'object' || body.selector === null) {
    return fail(response, 400, 'missing_required_key', 'Missing required key: selector');
  }
  const { selector, sort, fields, use_index: index, bookmark, limit = 25, skip = 0 } = body;
  const before = !bookmark || bookmark === 'nil' ? 0 : Number(/^stand-in-(\d+)$/.exec(bookmark)?.[1]);
  if (Number.isNaN(before)) return fail(response, 400, 'invalid_bookmark', `Invalid bookmark value: "${bookmark}"`);
  const from = before + skip;
  let found;
  try {
    found = await database(request.params.db).find({
      selector, limit: from + limit + 1, ...(sort && { sort }), ...(fields?.length && { fields }), ...(index && { use_index: index }),
    });
  } catch (error) {
    return fail(response, 400, mangoError(error.message), error.message);
  }
  const docs = found.docs.slice(from, from + limit);
  const next = docs.length ? `stand-in-${from + docs.length}` : 'nil';
  return response.json({ docs, bookmark: next, ...(found.warning && { warning: found.warning }) });
}));

// express-pouchdb looks up the revision that is missing. Attachments and indexes are its own business.
app.delete('/:db/:id(*)', settle(async (request, response, next) => {
  const { id } = request.params;
  if (!id || id.startsWith('_index/') || isAttachment(['', ...id.split('/')])) return next();
  const _rev = request.query.rev || (request.headers['if-match'] || '').replace(/"/g, '');
  try {
    const existing = await database(request.params.db).get(id);
    if (!_rev) return fail(response, 409, 'conflict', 'Document update conflict.');
    return response.json(await database(request.params.db).remove({ _id: existing._id, _rev }));
  } catch (error) {
    if (error.status === 409) return fail(response, 409, 'conflict', 'Document update conflict.');
    return fail(response, error.status || 500, error.name || 'internal_server_error', error.reason || error.message);
  }
}));

app.get('/:db/_security', (request, response) =>
  response.json({ members: { roles: ['_admin'] }, admins: { roles: ['_admin'] } }));

const inner = expressPouch(Pouch, {
  inMemoryConfig: true,
  logPath: '/dev/null',
  overrideMode: { exclude: ['routes/authentication', 'routes/authorization', 'routes/session', 'routes/special-test-auth',
    'routes/config', 'routes/log', 'routes/security', 'replicator', 'routes/replicate', 'validation'] },
});
app.use(inner);
app.use((error, request, response, next) => {
  if (response.headersSent) return next(error);
  if (!error.status) console.error(error);
  return fail(response, error.status || 500, error.error || 'internal_server_error', error.message);
});
process.on('uncaughtException', (error) => console.error('uncaught', error));
process.on('unhandledRejection', (error) => console.error('unhandled', error));

(async () => {
  fs.mkdirSync(DATA, { recursive: true });
  for (const name of ['_users', '_replicator']) await database(name).info();
  const server = app.listen(5984, '0.0.0.0', () => console.log('express-pouchdb stand-in for CouchDB, listening on 5984'));
  const stop = () => { server.close(); setTimeout(() => process.exit(0), 100); };
  for (const signal of ['SIGTERM', 'SIGINT']) process.on(signal, stop);
})();
