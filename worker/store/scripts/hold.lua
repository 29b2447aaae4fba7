-- Stops all sending for an organization for a while. A hold is only ever made longer.
--
-- KEYS  1 bulk:budget:HOST:ORG
-- ARGV  1 microseconds from now
-- Returns the microseconds left of the hold now in force.

local t = redis.call('TIME')
local now = t[1] * 1000000 + t[2]
local hold = math.max(now + tonumber(ARGV[1]), tonumber(redis.call('HGET', KEYS[1], 'hold_us') or 0))
redis.call('HSET', KEYS[1], 'hold_us', string.format('%.0f', hold))
redis.call('PEXPIRE', KEYS[1], 86400000)
return string.format('%.0f', hold - now)
