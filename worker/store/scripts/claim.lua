-- Takes a slice to work on it, for as long as the lease is renewed.
--
-- KEYS  1 the job's hash
-- ARGV  1 slice   2 nonce: names this try, so that its repetition finds its own claim
--       3 lease in ms   4 worker's name   5 window
--       6 scheme and host of the worker's API: the job belongs to those of its first claim
--       7 ms of a hold of the budget from which on nothing is claimed   8 ms after which a message counts as lost
--       9 'alone' where the process works on this slice and nothing else, else ''
--      10 organizations that the worker serves, spaces around each; '' for any
-- Returns {code, ...}:
--   CLAIMED, claim number, ids in the slice, packed ids, outcomes, org id, weight, batches, exceptions, ticket ...
--   TAKEN     another claim is live, or may be: the next sweep tells
--   ALONE     workers died of it, it seems: to be claimed by a process that does nothing else
--   DONE      nothing is left in it
--   RESTING   the job is not to be worked on now: paused, ending or at rest
--   OTHER_HOST, OTHER_ORG   the job is for workers with another API or for another organization: nothing
--             changes, but that one of those has the message sent again soon
--   OTHER_VERSION   its record is laid out in a way that is not known here: nothing changes
--   BAD_ORG   its record names nothing that can be an organization: the job has failed
--   HELD      a 429 holds the organization for long: a sweep sends the message when that is over
--   NO_JOB    no such job, or it has no such slice

local n, nonce, lease = ARGV[1], ARGV[2], tonumber(ARGV[3])
local now = now_ms()
if not get('state') then return {'NO_JOB'} end
if is_of_other_version() then return {'OTHER_VERSION'} end
check_limits(now)
if not workable() then
  settle_job(now)
  return {'RESTING'}
end
if not is_org_id(get('org_id')) then
  finish_as('failed', 'malformed_organization',
    'its record names no organization: look for who wrote to Redis, and submit the list again', 'worker')
  settle_job(now)
  return {'BAD_ORG'}
end
local function leave()
  -- Who serves the job sweeps each second. Not at once: its message may come here again.
  local LEFT = 2000
  redis.call('ZADD', base .. 'waiting', 'XX', 'LT', int(now - tonumber(ARGV[8]) + LEFT), n)
end
if is_of_other_host(ARGV[6]) then
  leave()
  return {'OTHER_HOST'}
end
if is_of_other_org(ARGV[10]) then
  leave()
  return {'OTHER_ORG'}
end
local host = host_of(ARGV[6])
if tonumber(n) >= number('slices') then return {'NO_JOB'} end
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
local held_ms = held_until(now, host)
if held_ms - now > tonumber(ARGV[7]) and not mine then
  redis.call('ZADD', base .. 'waiting', int(held_ms - tonumber(ARGV[8])), n)
  return {'HELD'}
end
if not mine then
  redis.call('HINCRBY', slice, 'claim', 1)
  redis.call('HSET', slice, 'nonce', nonce, 'worker', ARGV[4], 'seq', 0)
  note_lengths(n)
end
redis.call('HSET', job, 'api_url', ARGV[6], 'host', host)
redis.call('ZREM', base .. 'waiting', n)
redis.call('ZADD', base .. 'claimed', int(now + lease), n)
if get('state') == 'queued' then change(now, 'running', '', '', '') end
return {
  'CLAIMED', tonumber(redis.call('HGET', slice, 'claim')), size_of(n), ids, redis.call('GET', base .. 'out:' .. n) or '',
  get('org_id'), get('weight') or '1', redis.call('GET', base .. 'bat:' .. n) or '', redis.call('GET', base .. 'exc:' .. n) or '',
  unpack(refill(now, tonumber(ARGV[5]))),
}
