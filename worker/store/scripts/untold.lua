-- Hands out jobs of which something is to be told: in Flower, and in the log once they end. Each is given to
-- one who asks; who dies with it has it told by another, so that the end of a job may be told twice, not never.
--
-- KEYS  1 bulk:untold
-- ARGV  1 jobs at most   2 ms after which the same job is handed out again
-- Returns {code, job id ...}: UNTOLD

local now = now_ms()
-- None is handed out later than that, unless the clock was set back.
local latest = int(now + tonumber(ARGV[2]))
for _, id in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '(' .. latest, '+inf', 'LIMIT', 0, ARGV[1])) do
  redis.call('ZADD', KEYS[1], latest, id)
end
local found = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', int(now), 'LIMIT', 0, ARGV[1])
for _, id in ipairs(found) do redis.call('ZADD', KEYS[1], int(now + tonumber(ARGV[2])), id) end
return {'UNTOLD', unpack(found)}
