// The scenario of ../run.py, in Node.
'use strict';
const assert = require('node:assert/strict');
const {once} = require('node:events');
const grpc = require('@grpc/grpc-js');
const protoLoader = require('@grpc/proto-loader');

const scope = {connectorId: 'hubspot', ownerId: 'acme'};
const custom = {region: 'EMEA', score: 0, vip: false, tags: ['a', 'b'], nested: {x: {y: 1.5}}};

const definition = protoLoader.loadSync(
    ['tributary/crm/v1/opportunity.proto', 'tributary/generic/v1/contact.proto'],
    {includeDirs: [process.env.TRIBUTARY_PROTO], longs: String, enums: String, oneofs: true});
const {tributary} = grpc.loadPackageDefinition(definition);
const connect = (service) => new service(process.env.TRIBUTARY_GRPC, grpc.credentials.createInsecure());
const contacts = connect(tributary.generic.v1.ContactService);
const deals = connect(tributary.crm.v1.OpportunityService);

const call = (client, method, request) => new Promise((resolve, reject) => client[method](
    {...scope, ...request}, {deadline: Date.now() + 5000},
    (error, answer) => error ? reject(error) : resolve(answer)));

async function post(model, id, fields, trigger = 'created', updatedAt = '2025-06-01T09:00:00.000Z') {
  const response = await fetch(`http://${process.env.TRIBUTARY_HTTP}/webhooks`, {
    method: 'POST',
    headers: {'content-type': 'application/json', 'x-connector-id': scope.connectorId,
              'x-owner-id': scope.ownerId, 'x-idempotency-key': `${id}-${trigger}-${updatedAt}`},
    body: JSON.stringify({event: `${model}::${trigger}`, data: {
      object: 'resource', model, id, fields, createdAt: '2025-06-01T09:00:00.000Z', updatedAt}})});
  const answer = await response.json();
  assert.equal(answer.verdict, 'APPLIED', JSON.stringify(answer));
  return answer.revision;
}

async function checkGet() {
  const {fields, customFields, revision} = await call(contacts, 'getContact', {id: 'c1'});
  assert.equal(fields.firstName, 'Inès');
  assert.equal(fields.lastName, '');
  assert.ok(!('email' in fields));
  assert.equal(customFields.region.stringValue, 'EMEA');
  assert.equal(customFields.score.kind, 'numberValue');
  assert.equal(customFields.score.numberValue, 0);
  assert.equal(customFields.vip.boolValue, false);
  assert.deepEqual(customFields.tags.listValue.values.map((value) => value.stringValue), ['a', 'b']);
  assert.equal(customFields.nested.structValue.fields.x.structValue.fields.y.numberValue, 1.5);
  assert.ok(Number(revision) > 0);
  await assert.rejects(call(contacts, 'getContact', {id: 'nobody'}), (error) => {
    assert.equal(error.code, grpc.status.NOT_FOUND);
    assert.match(error.details, /\(RESOURCE_NOT_FOUND\)$/);
    assert.deepEqual(error.metadata.get('tributary-reason'), ['RESOURCE_NOT_FOUND']);
    return true;
  });
}

async function checkBatchAndList() {
  const batch = await call(deals, 'batchGetOpportunities', {ids: ['o2', 'missing', 'o1', 'o1']});
  assert.deepEqual(batch.opportunities.map((deal) => deal.id), ['o2', 'o1']);
  assert.deepEqual(batch.missingIds, ['missing']);
  assert.ok(!('amount' in batch.opportunities[0].fields));
  assert.equal(batch.opportunities[1].fields.amount, 0);

  const first = await call(deals, 'listOpportunities', {pageSize: 2});
  assert.deepEqual(first.opportunities.map((deal) => deal.id), ['o1', 'o2']);
  const second = await call(deals, 'listOpportunities', {pageSize: 2, pageToken: first.nextPageToken});
  assert.deepEqual(second.opportunities.map((deal) => deal.id), ['o3']);
  assert.ok(!second.nextPageToken);
  assert.equal(second.opportunities[0].fields.amount, 18499.9);
  assert.equal(first.revision, second.revision);
}

const watch = (resumeToken) =>
    deals.watchOpportunities({...scope, resumeToken, heartbeatInterval: {seconds: 1}});

async function cancel(stream) {
  stream.on('error', () => {});
  stream.cancel();
  if (!stream.closed) await once(stream, 'close');
}

async function checkWatch() {
  let stream = watch('');
  let seen = [];
  let token;
  let updated;
  for await (const response of stream) {
    token = response.resumeToken;
    if (updated) {
      if (!response.changes?.length) continue;
      const [change] = response.changes;
      assert.equal(change.type, 'CHANGE_TYPE_UPDATED');
      assert.equal(Number(change.revision), updated);
      assert.ok(change.changedFields.includes('fields.amount'));
      assert.equal(change.resource.fields.amount, 5);
      break;
    }
    seen.push(...(response.changes ?? []).map((change) => `${change.type} ${change.resource.id}`));
    const complete = seen.length === 3 && !response.changes?.length && !response.snapshotComplete;
    if (complete) {  // A heartbeat after the snapshot.
      updated = await post('crmOpportunity', 'o1', {name: 'zero', amount: 5}, 'updated', '2025-06-02T09:00:00.000Z');
    }
  }
  assert.deepEqual(seen, ['o1', 'o2', 'o3'].map((id) => `CHANGE_TYPE_EXISTING ${id}`));
  await cancel(stream);

  await post('crmOpportunity', 'o2', {}, 'deleted', '2025-06-03T09:00:00.000Z');
  const created = await post('crmOpportunity', 'o4', {name: 'new'});
  stream = watch(token);
  seen = [];
  for await (const response of stream) {
    assert.ok(!response.snapshotComplete);
    seen.push(...(response.changes ?? []).map((change) => `${change.type} ${change.resource.id}`));
    if (seen.length >= 2 && !response.changes?.length && Number(response.revision) >= created) {
      assert.equal(response.revision, response.headRevision);
      break;
    }
  }
  assert.deepEqual(seen, ['CHANGE_TYPE_DELETED o2', 'CHANGE_TYPE_CREATED o4']);
  await cancel(stream);
}

async function main() {
  await post('genericContact', 'c1', {firstName: 'Inès', lastName: '', ...custom});
  await post('crmOpportunity', 'o1', {name: 'zero', amount: 0});
  await post('crmOpportunity', 'o2', {name: 'none'});
  await post('crmOpportunity', 'o3', {name: 'some', amount: 18499.9});
  await checkGet();
  await checkBatchAndList();
  await checkWatch();
  contacts.close();
  deals.close();
  console.log('node: ok');
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
