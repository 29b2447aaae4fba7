-- Takes the next evenly spaced send times of an organization's budget: GCRA with reservation.
-- (Generic cell rate algorithm, ITU-T I.371; here with no tolerance, since slots are reserved ahead.)
--
-- KEYS  1 bulk:budget:HOST:ORG, a hash: tat_us, the first free send time; hold_us, nobody sends before
-- ARGV  1 requests per second   2 slots wanted   3 the rate as configured, for the report
-- Returns {microseconds from now to the first slot, microseconds between slots, slots,
--          microseconds that a hold has left}

local t = redis.call('TIME')
local now = t[1] * 1000000 + t[2]
local gap = 1000000 / tonumber(ARGV[1])
local wanted = tonumber(ARGV[2])
local state = redis.call('HMGET', KEYS[1], 'tat_us', 'hold_us')
local hold = tonumber(state[2] or 0)
local first = math.max(now, tonumber(state[1] or 0), hold)
redis.call('HSET', KEYS[1], 'tat_us', string.format('%.0f', first + wanted * gap), 'rate', ARGV[1], 'configured', ARGV[3])
redis.call('PEXPIRE', KEYS[1], 86400000)
return {
  string.format('%.0f', first - now), string.format('%.3f', gap), wanted,
  string.format('%.0f', math.max(0, hold - now)),
}
