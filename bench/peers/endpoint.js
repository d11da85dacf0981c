// The webhook endpoint that every Fastify peer has in common: the body is parsed once and kept as it
// came, the headers become the delivery's keys, and 200 is answered once `store` has kept it.
'use strict';

const fastify = require('fastify');

// A delivery as the peers store it. `body` is the JSON text of the webhook.
function readDelivery(request) {
  const { headers, body } = request;
  const connector = headers['x-connector-id'];
  const owner = headers['x-owner-id'];
  const key = headers['x-idempotency-key'];
  const data = body.parsed.data;
  if (!connector || !owner || !key || !data || !data.id || !data.model) return null;
  return { connector, owner, key, event: body.parsed.event, model: data.model, id: data.id, body: body.text };
}

// Serves `store(delivery)`, a promise of 'applied' or 'duplicate', on a port of its own.
async function serve(store) {
  const app = fastify({ logger: false, bodyLimit: 1 << 20 });
  app.addContentTypeParser('application/json', { parseAs: 'string' }, (request, text, done) => {
    try {
      done(null, { text, parsed: JSON.parse(text) });
    } catch (error) {
      error.statusCode = 400;
      done(error);
    }
  });
  app.post('/webhooks', async (request, reply) => {
    const delivery = readDelivery(request);
    if (delivery === null) return reply.code(400).send({ verdict: 'rejected' });
    return { verdict: await store(delivery) };
  });
  await app.listen({ port: 0, host: '127.0.0.1' });
  console.log(`listening ${app.server.address().port}`);
}

// The deliveries that a store holds before it is measured: one for each resource.
function* initialDeliveries() {
  const sample = JSON.parse(process.env.SAMPLE_BODY);
  const count = Number(process.env.RESOURCES);
  for (let id = 0; id < count; ++id) {
    sample.data.id = String(id);
    yield {
      connector: 'hubspot', owner: 'acme', key: `fill-${id}`, event: sample.event, model: sample.data.model,
      id: sample.data.id, body: JSON.stringify(sample),
    };
  }
}

module.exports = { initialDeliveries, serve };
