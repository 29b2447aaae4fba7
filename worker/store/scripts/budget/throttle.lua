-- Records a 429: holds the budget, so that no worker sends for the organization. A hold is only ever extended, and
-- is published to all workers at once.
--
-- KEYS  1 the budget
-- ARGV  1 epoch of the slot whose request was throttled   2 microseconds that the API asked for, or ''
--       3 microseconds to hold if it is the first 429 of its epoch
--       4 JSON: the worker's answers before it, see `add_stats`
-- Returns JSON: {held: seconds left of the hold in force, version, decision_request: {learned, evidence} or absent}
--   decision_request: this is the first 429 of the epoch; the worker that gets it decides, and calls adopt_rate.lua
-- include: budget evidence

local epoch, asked_us, hold_us, stats = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]), ARGV[4]

local DECIDING = 2e6  -- microseconds after which a worker that has not decided is taken to be dead

add_stats(cjson.decode(stats))
set_budget('refused', budget_number('refused') + 1)
local first = epoch == budget_number('epoch')
  and (budget_number('decided_epoch', -1) ~= epoch or now - budget_number('decided_us') > DECIDING)
-- Before the hold is made longer: holds are no part of the evidence.
local found = first and evidence()
local until_us = now + math.max(asked_us or 0, first and hold_us or 0)
if until_us > math.max(now, budget_number('hold_us')) then
  set_budget('hold_us', int(until_us))
  set_budget('hold_len_us', int(until_us - now))
  redis.call('PUBLISH', 'bulk:holds', key .. ' ' .. int(until_us - now))
end
-- A decision on the evidence before this is of no use any more.
if first then set_budget('version', budget_number('version') + 1) end
local reply = {held = math.max(0, budget_number('hold_us') - now) / 1e6, version = budget_number('version')}
if first then
  set_budget('decided_epoch', epoch)
  set_budget('decided_us', int(now))
  reply.decision_request = {learned = known.learned or '', evidence = found}
end
store_budget()
return cjson.encode(reply)
