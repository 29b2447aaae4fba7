-- Leases jobs whose changes are to be shown in Flower, and logged once they end: each to one process at a time.
-- The lease of a process that dies runs out, so that the end of a job may be logged twice, but never not at all.
--
-- KEYS  1 bulk:notify
-- ARGV  1 jobs at most   2 ms after which the same job is handed out again
-- Returns {code, job id ...}: NOTIFY
-- include: job

local notify_key, most, lease_ms = KEYS[1], ARGV[1], tonumber(ARGV[2])

local now = now_ms()
-- None is handed out later than that, unless the clock was set back.
local latest = int(now + lease_ms)
for _, id in ipairs(redis.call('ZRANGEBYSCORE', notify_key, '(' .. latest, '+inf', 'LIMIT', 0, most)) do
  redis.call('ZADD', notify_key, latest, id)
end
local found = redis.call('ZRANGEBYSCORE', notify_key, '-inf', int(now), 'LIMIT', 0, most)
for _, id in ipairs(found) do redis.call('ZADD', notify_key, int(now + lease_ms), id) end
return {'NOTIFY', unpack(found)}
