-- Takes a slice to work on it, for as long as the lease is renewed.
--
-- KEYS  1 the job's hash
-- ARGV  1 slice   2 nonce: names this try, so that its repetition finds its own claim
--       3 lease in ms   4 worker's name   5 window
--       6 the API's host, which with the organization names the budget
--       7 ms of a hold of the budget from which on nothing is claimed   8 ms after which a message counts as lost
--       9 'alone' where the process works on this slice and nothing else, else ''
-- Returns {code, ...}:
--   CLAIMED, claim number, packed ids, outcomes, org id, weight, batches, exceptions, ticket ...
--   TAKEN     another claim is live, or may be: the next sweep tells
--   ALONE     workers died of it, it seems: to be claimed by a process that does nothing else
--   DONE      nothing is left in it
--   RESTING   the job is not to be worked on now: paused, ending or at rest
--   HELD      a 429 holds the organization for long: a sweep sends the message when that is over
--   NO_JOB    no such job, or a part of it is gone

local n, nonce, lease = ARGV[1], ARGV[2], tonumber(ARGV[3])
local now = now_ms()
if not get('state') then return {'NO_JOB'} end
check_limits(now)
if not workable() then
  settle_job(now)
  return {'RESTING'}
end
local slice = base .. 'slice:' .. n
local ids = redis.call('GET', base .. 'ids:' .. n)
local ends = tonumber(redis.call('ZSCORE', base .. 'claimed', n) or '')
local mine = ends and redis.call('HGET', slice, 'nonce') == nonce
if redis.call('HGET', slice, 'done') then
  redis.call('ZREM', base .. 'waiting', n)
  return {'DONE'}
end
if ends and (ends > now or was_away(now)) and not mine then return {'TAKEN'} end
if not is_whole(n) then
  lost_record(n)
  settle_job(now)
  return {'RESTING'}
end
if ends and not mine then lose(now, n) end
if ARGV[9] ~= 'alone' and not mine and tonumber(redis.call('HGET', slice, 'deaths') or 0) >= MOST_DEATHS then
  -- As if a message had been sent: it takes a while until that process is there.
  redis.call('ZADD', base .. 'waiting', int(now), n)
  return {'ALONE'}
end
local held_ms = tonumber(redis.call('HGET', 'bulk:budget:' .. ARGV[6] .. ':' .. get('org_id'), 'hold_us') or 0) / 1000
if held_ms - now > tonumber(ARGV[7]) and not mine then
  redis.call('ZADD', base .. 'waiting', int(held_ms - tonumber(ARGV[8])), n)
  return {'HELD'}
end
if not mine then
  redis.call('HINCRBY', slice, 'claim', 1)
  redis.call('HSET', slice, 'nonce', nonce, 'worker', ARGV[4], 'seq', 0, 'len', lengths(n))
end
redis.call('HSET', job, 'host', ARGV[6])
redis.call('ZREM', base .. 'waiting', n)
redis.call('ZADD', base .. 'claimed', int(now + lease), n)
if get('state') == 'queued' then change(now, 'running', '', '', '') end
return {
  'CLAIMED', tonumber(redis.call('HGET', slice, 'claim')), ids, redis.call('GET', base .. 'out:' .. n) or '',
  get('org_id'), get('weight') or '1', redis.call('GET', base .. 'bat:' .. n) or '', redis.call('GET', base .. 'exc:' .. n) or '',
  unpack(refill(now, tonumber(ARGV[5]))),
}
