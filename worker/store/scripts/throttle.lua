-- A 429: nobody sends for the organization for a while. A hold is only ever made longer, and is told to all
-- workers at once.
--
-- KEYS  1 the budget
-- ARGV  1 era of the slot that was refused   2 microseconds that the API asked for, or ''
--       3 microseconds to hold where it is the first refusal of its era
--       4 JSON: what the worker heard before it, see `hear`
-- Returns JSON: {held: seconds left of the hold in force, version, decision_request: {learned, evidence} or absent}
--   decision_request: this is the first refusal of the era; who gets it decides, and hands it to `adopt`

local DECIDING = 2e6  -- microseconds after which a worker that was to decide is taken for dead

local era, asked = tonumber(ARGV[1]), tonumber(ARGV[2])
hear(cjson.decode(ARGV[4]))
put('refused', number('refused') + 1)
local first = era == number('era')
  and (number('struck', -1) ~= era or now - number('struck_us') > DECIDING)
-- Before the hold moves: evidence is not counted in holds.
local found = first and evidence()
local until_us = now + math.max(asked or 0, first and tonumber(ARGV[3]) or 0)
if until_us > math.max(now, number('hold_us')) then
  put('hold_us', int(until_us))
  put('hold_len_us', int(until_us - now))
  redis.call('PUBLISH', 'bulk:holds', key .. ' ' .. int(until_us - now))
end
-- What somebody decides on the time before is of no use any more.
if first then put('version', number('version') + 1) end
local reply = {held = math.max(0, number('hold_us') - now) / 1e6, version = number('version')}
if first then
  put('struck', era)
  put('struck_us', int(now))
  reply.decision_request = {learned = known.learned or '', evidence = found}
end
keep_for_a_day()
return cjson.encode(reply)
