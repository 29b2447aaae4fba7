-- Releases the lock for exchanging an API token, and records for all workers how the exchange ended.
--
-- KEYS  1 bulk:exchange:HOST:ORG
-- ARGV  1 the holder
--       2 kind: 'granted'; 'served', the API accepted a granted token; 'refused'; 'unavailable'; '' if unknown
--       3 microseconds until the next exchange is allowed   4 failures of the kind in a row, with this one
--       5 tag of the refused credential   6 message about it
--       7 exchanges made without the lock, while Redis was unreachable
-- Returns nothing.

local key, who, kind, pause_us, failures = KEYS[1], ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local tag, message, unshared = ARGV[5], ARGV[6], ARGV[7]
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]

if redis.call('HGET', key, 'holder') == who then redis.call('HDEL', key, 'holder', 'turn_us') end
if kind == 'refused' or kind == 'unavailable' then
  redis.call('HSET', key, 'kind', kind, 'until_us', string.format('%.0f', now + pause_us), 'failures', failures,
    'tag', tag, 'message', message)
elseif kind == 'granted' then
  redis.call('HDEL', key, 'until_us')
  -- That access tokens are granted is no sign yet that they are any good.
  if redis.call('HGET', key, 'kind') ~= 'refused' then redis.call('HDEL', key, 'kind', 'failures', 'message') end
elseif kind == 'served' then
  redis.call('HDEL', key, 'until_us', 'kind', 'failures', 'tag', 'message')
end
redis.call('PEXPIRE', key, 86400000)

if kind ~= '' and kind ~= 'served' then redis.call('HINCRBY', 'bulk:totals', 'x_' .. kind, 1) end
if tonumber(unshared) > 0 then redis.call('HINCRBY', 'bulk:totals', 'x_unshared', unshared) end
