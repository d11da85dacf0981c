-- One update after the other of `resources` opportunities, each with an amount and a key of its own: about
-- 1 KB of body. Arguments: RESOURCES [fill]; with `fill` one resource after the other instead of any.
local resources, fill, thread, count = 100000, false, 0, 0

function setup(thread_)
  thread_:set("id", thread)
  thread = thread + 1
end

function init(args)
  resources = tonumber(args[1]) or resources
  fill = args[2] == "fill"
  math.randomseed(os.time() + id)
  start = os.time() * 1000
end

function request()
  count = count + 1
  local body = string.format('{"event":"crmOpportunity::updated","data":{"object":"resource",' ..
    '"model":"crmOpportunity","id":"%d","fields":{"name":"Northquay fleet telemetry rollout","amount":%d.25,' ..
    '"currency":"EUR","stage":{"object":"resourceRef","model":"crmStage","id":"default::appointmentscheduled"},' ..
    '"pipeline":{"object":"resourceRef","model":"crmPipeline","id":"default"},"owner":{"object":"resourceRef",' ..
    '"model":"genericUser","id":"71502943"},"contacts":[{"object":"resourceRef","model":"genericContact",' ..
    '"id":"20451188301"}],"companies":[{"object":"resourceRef","model":"genericCompany","id":"18830022415"}],' ..
    '"engagements":[{"object":"resourceRef","model":"crmEngagement","id":"64410029913"}],' ..
    '"contract_reference":"NQ-2025-0043","region":"EMEA","source":"inbound","segment":"mid-market"},' ..
    '"createdAt":"2025-06-03T10:05:30.777Z","rawResource":null,"warnings":[]}}',
    fill and count % resources or math.random(0, resources - 1), count)
  return wrk.format("POST", "/webhooks", {
    ["Content-Type"] = "application/json",
    ["x-connector-id"] = "hubspot",
    ["x-owner-id"] = "acme",
    ["x-idempotency-key"] = string.format("%d-%d-%d", start, id, count),
  }, body)
end

function done(summary, latency)
  local errors = summary.errors
  io.stderr:write(string.format("RESULT %.0f %.2f %.2f %.2f %d\n", summary.requests / (summary.duration / 1e6),
    latency:percentile(50) / 1000, latency:percentile(99) / 1000, latency.max / 1000,
    errors.status + errors.connect + errors.read + errors.write + errors.timeout))
end
