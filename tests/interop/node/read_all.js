// The same as ../python/read_all.py, in Node.
'use strict';
const assert = require('node:assert/strict');
const grpc = require('@grpc/grpc-js');
const protoLoader = require('@grpc/proto-loader');

const services = {
  genericContact: ['generic', 'contact', 'Contact', 'Contacts', 'contacts'],
  crmOpportunity: ['crm', 'opportunity', 'Opportunity', 'Opportunities', 'opportunities'],
  crmPipeline: ['crm', 'pipeline', 'Pipeline', 'Pipelines', 'pipelines'],
  crmStage: ['crm', 'stage', 'Stage', 'Stages', 'stages'],
};
const definition = protoLoader.loadSync(
    Object.values(services).map(([group, name]) => `tributary/${group}/v1/${name}.proto`),
    {includeDirs: [process.env.TRIBUTARY_PROTO], longs: String, enums: String});
const {tributary} = grpc.loadPackageDefinition(definition);

const summary = ({customFields, rawResource, warnings}) =>
    [Object.keys(customFields ?? {}).length, rawResource != null, (warnings ?? []).length,
     warnings?.at(-1)?.message ?? ''];
// Keys are in the order of their bytes, which is that of the server.
const keyOf = ({connectorId, ownerId, id}) => Buffer.from([connectorId, ownerId, id].join('\0')).toString('hex');

async function read(model) {
  const [group, , single, plural, items] = services[model];
  const client = new tributary[group].v1[`${single}Service`](
      process.env.TRIBUTARY_GRPC, grpc.credentials.createInsecure());
  const call = (method, request) => new Promise((resolve, reject) => client[method](
      request, {deadline: Date.now() + 20000}, (error, answer) => error ? reject(error) : resolve(answer)));

  async function listed(view) {
    const all = [];
    let pageToken = '';
    do {
      const answer = await call(`List${plural}`, {view, pageToken});
      all.push(...answer[items] ?? []);
      pageToken = answer.nextPageToken ?? '';
    } while (pageToken);
    return all;
  }
  async function watched(request) {
    const state = new Map();
    for await (const response of client[`Watch${plural}`]({stopAtHead: true, ...request})) {
      for (const {resource} of response.changes ?? []) state.set(keyOf(resource), resource);
    }
    return [...state.keys()].sort().map((key) => state.get(key));
  }

  const full = await listed('VIEW_FULL');
  assert.deepEqual(await watched({view: 'VIEW_FULL'}), full, `${model}: a snapshot differs from the list`);
  assert.deepEqual(await watched({view: 'VIEW_FULL', start: 'WATCH_START_BEGINNING', includePrevious: true}), full,
                   `${model}: replay differs`);
  const basic = await listed('VIEW_BASIC');
  assert.deepEqual(await watched({}), basic);
  for (const [view, expected] of [['VIEW_BASIC', basic], ['VIEW_FULL', full]]) {
    for (const item of expected) {
      const {connectorId, ownerId, id} = item;
      assert.deepEqual(await call(`Get${single}`, {connectorId, ownerId, id, view}), item);
    }
  }
  client.close();
  return Object.fromEntries(full.map((item) => [`${model}/${item.ownerId}/${item.id}`, summary(item)]));
}

async function main() {
  const result = {};
  for (const model of Object.keys(services)) Object.assign(result, await read(model));
  console.log(JSON.stringify(result));
}

main().catch((error) => {
  console.error(String(error.stack ?? error).slice(0, 4000));
  process.exit(1);
});
