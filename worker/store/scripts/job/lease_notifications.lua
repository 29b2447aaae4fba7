-- Leases jobs whose changes are to be shown in Flower, and logged once they end: each to one process at a time.
-- The lease of a process that dies runs out, so that the end of a job may be logged twice, but never not at all.
--
-- KEYS  1 bulk:notify
-- ARGV  1 jobs at most   2 ms after which the same job is handed out again
-- Returns {code, job id ...}: NOTIFY

local now = now_ms()
-- None is handed out later than that, unless the clock was set back.
local latest = int(now + tonumber(ARGV[2]))
for _, id in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '(' .. latest, '+inf', 'LIMIT', 0, ARGV[1])) do
  redis.call('ZADD', KEYS[1], latest, id)
end
local found = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', int(now), 'LIMIT', 0, ARGV[1])
for _, id in ipairs(found) do redis.call('ZADD', KEYS[1], int(now + tonumber(ARGV[2])), id) end
return {'NOTIFY', unpack(found)}
