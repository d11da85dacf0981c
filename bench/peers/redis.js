// Fastify + Redis Streams: the log is a stream, the state a hash per resource, the idempotency key a
// key that expires. A script does all three at once, since only it can leave out the rest where the
// key was there; ioredis sends what is ready in one write. Argument: PORT
'use strict';

const Redis = require('ioredis');
const { initialDeliveries, serve } = require('./endpoint');

const redis = new Redis({ host: '127.0.0.1', port: Number(process.argv[2]), enableAutoPipelining: true });
const WINDOW_SECONDS = 7 * 86400;

redis.defineCommand('applyDelivery', {
  numberOfKeys: 3,
  lua: `
    if not redis.call('SET', KEYS[1], 1, 'NX', 'EX', ARGV[1]) then return 0 end
    local revision = redis.call('XADD', KEYS[2], '*', 'event', ARGV[2], 'resource', KEYS[3], 'body', ARGV[3])
    redis.call('HSET', KEYS[3], 'revision', revision, 'body', ARGV[3])
    return 1`,
});

async function store({ connector, owner, event, id, key, model, body }) {
  const applied = await redis.applyDelivery(
    `key:${connector}:${owner}:${event}:${id}:${key}`, 'log', `state:${connector}:${owner}:${model}:${id}`,
    WINDOW_SECONDS, event, body);
  return applied === 1 ? 'applied' : 'duplicate';
}

// Filled without an fsync per command, which is then turned on.
async function fill() {
  const CHUNK = 2000;
  await redis.config('SET', 'appendfsync', 'no');
  let chunk = [];
  for (const delivery of initialDeliveries()) {
    chunk.push(store(delivery));
    if (chunk.length === CHUNK) {
      await Promise.all(chunk);
      chunk = [];
    }
  }
  await Promise.all(chunk);
  await redis.config('SET', 'appendfsync', 'always');
}

fill().then(() => serve(store));
