-- Acquires the lock for exchanging an organization's API token: one exchange at a time over all workers. The holder
-- renews the lock by calling again; the lock of a worker that died expires.
--
-- KEYS  1 bulk:exchange:HOST:ORG
-- ARGV  1 the caller   2 microseconds that the lock lasts   3 maximum microseconds of a pause
--       4 '1' to ignore the pause after a refused credential, for a caller with another credential
-- Returns JSON: {pause: seconds until the next exchange is allowed, busy: seconds until another's lock expires,
--   kind, failures, tag, message: of the last failure, see end.lua}. The lock is acquired if pause and busy
--   are 0.

local key, who, turn_us = KEYS[1], ARGV[1], tonumber(ARGV[2])
local longest_pause_us, is_mended = tonumber(ARGV[3]), ARGV[4] == '1'
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local known = {}
do
  local flat = redis.call('HGETALL', key)
  for i = 1, #flat, 2 do known[flat[i]] = flat[i + 1] end
end

-- Microseconds left. A time further ahead than possible counts as none: it was forged, or the clock was set back.
local function left(field, most)
  local micros = (tonumber(known[field]) or 0) - now
  return micros > 0 and micros <= most and micros or 0
end

local pause = left('until_us', longest_pause_us)
if known.kind == 'refused' and is_mended then pause = 0 end
local busy = known.holder ~= who and left('turn_us', turn_us) or 0
if pause == 0 and busy == 0 then
  redis.call('HSET', key, 'holder', who, 'turn_us', string.format('%.0f', now + turn_us))
  redis.call('PEXPIRE', key, 86400000)
end
local failures = tonumber(known.failures) or 0
return cjson.encode({
  pause = pause / 1e6,
  busy = busy / 1e6,
  kind = known.kind or '',
  failures = failures >= 0 and failures <= 1e6 and math.floor(failures) or 0,
  tag = known.tag or '',
  message = string.sub(known.message or '', 1, 4096),
})
