-- The hold of an organization's budget, as jobs see it.
-- include: job

-- When the hold of the budget ends, in milliseconds; no later than one can that was so long.
local MAX_HOLD = 3600000
local function held_until(now, host)
  local hold_us, len_us = unpack(
    redis.call('HMGET', 'bulk:budget:' .. host .. ':' .. job_field('org_id'), 'hold_us', 'hold_len_us'))
  local length = math.min(MAX_HOLD, (tonumber(len_us or '') or 1000 * MAX_HOLD) / 1000)
  return math.min((tonumber(hold_us or '') or 0) / 1000, now + length)
end
