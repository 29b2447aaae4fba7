-- Leases jobs with news for Flower and for the log, each to one process at a time. The lease of a process that
-- dies expires, so the end of a job is logged at least once.
--
-- KEYS  1 bulk:notify
-- ARGV  1 maximum number of jobs   2 lease in ms, after which the job is leased again
-- Returns {code, job id ...}: NOTIFY
-- include: job

local notify_key, most, lease_ms = KEYS[1], ARGV[1], tonumber(ARGV[2])

local now = now_ms()
-- A score further ahead than a lease can only come from a clock that was set back.
local latest = int(now + lease_ms)
for _, id in ipairs(redis.call('ZRANGEBYSCORE', notify_key, '(' .. latest, '+inf', 'LIMIT', 0, most)) do
  redis.call('ZADD', notify_key, latest, id)
end
local found = redis.call('ZRANGEBYSCORE', notify_key, '-inf', int(now), 'LIMIT', 0, most)
for _, id in ipairs(found) do redis.call('ZADD', notify_key, int(now + lease_ms), id) end
return {'NOTIFY', unpack(found)}
