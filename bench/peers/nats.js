// Fastify + NATS JetStream: a stream on disk with a subject per resource, so that the last message of a
// subject is the state; the message id makes a repeated delivery a duplicate. JetStream acknowledges
// before it syncs, so its answers promise less than the others'. Argument: PORT
'use strict';

const { connect, StorageType, StringCodec } = require('nats');
const { initialDeliveries, serve } = require('./endpoint');

const codec = StringCodec();

async function main() {
  const connection = await connect({ servers: `127.0.0.1:${process.argv[2]}` });
  const manager = await connection.jetstreamManager();
  await manager.streams.add({ name: 'webhooks', subjects: ['webhooks.>'], storage: StorageType.File });
  const jetstream = connection.jetstream({ timeout: 60000 });

  async function store({ connector, owner, event, id, key, model, body }) {
    const ack = await jetstream.publish(`webhooks.${connector}.${owner}.${model}.${id}`, codec.encode(body),
      { msgID: `${connector}:${owner}:${event}:${id}:${key}` });
    return ack.duplicate ? 'duplicate' : 'applied';
  }

  const CHUNK = 2000;
  let chunk = [];
  for (const delivery of initialDeliveries()) {
    chunk.push(store(delivery));
    if (chunk.length === CHUNK) {
      await Promise.all(chunk);
      chunk = [];
    }
  }
  await Promise.all(chunk);
  await serve(store);
}

main();
