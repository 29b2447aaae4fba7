-- Claims a slice for a worker, until the lease expires; commits renew it.
--
-- KEYS  1 the job's hash
-- ARGV  1 slice   2 nonce of this call, so that a repeated call finds its own claim
--       3 lease in ms   4 worker's name   5 window
--       6 scheme and host of the worker's API; the first claim binds the job to them
--       7 ms: while the budget is held for longer, nothing is claimed
--       8 'isolated' if the process works on this slice only, else ''
--       9 organizations that the worker serves, each between spaces; '' for all
-- Returns {code, ...}:
--   CLAIMED, claim number, ids in the slice, packed ids, outcomes, org id, weight, batches, exceptions, ticket ...
--   TAKEN     another claim is live, or may be: the next sweep finds out
--   NEEDS_ISOLATION     workers died while working on it: only an isolated process may claim it
--   DONE      all ids of the slice are settled
--   RESTING   the job is paused, ending or at rest
--   OTHER_HOST, OTHER_ORG   the worker does not serve the job's API host or organization: nothing changes,
--             except that the next sweep by a worker that does sends the message again
--   OTHER_VERSION   the job has another record version: nothing changes
--   BAD_ORG   the stored organization id is malformed: the job is set to failed
--   HELD      a 429 holds the budget for long: a sweep sends the message when the hold is over
--   NO_JOB    the job or the slice does not exist
-- include: job state ending claims lengths damage window scope hold

local n, nonce, lease_ms, worker = ARGV[1], ARGV[2], tonumber(ARGV[3]), ARGV[4]
local window, api_url, long_hold_ms = tonumber(ARGV[5]), ARGV[6], tonumber(ARGV[7])
local is_isolated, orgs = ARGV[8] == 'isolated', ARGV[9]

local now = now_ms()
if not job_field('state') then return {'NO_JOB'} end
if is_of_other_version() then return {'OTHER_VERSION'} end
check_limits(now)
if not is_workable() then
  finish_if_done(now)
  return {'RESTING'}
end
if not is_org_id(job_field('org_id')) then
  set_ending('failed', 'malformed_organization',
    'its record names no organization: look for who wrote to Redis, and submit the list again', 'worker')
  finish_if_done(now)
  return {'BAD_ORG'}
end
local function leave()
  -- Who serves the job sweeps each second. Not at once: its message may come here again.
  local LEFT = 2000
  redis.call('ZADD', base .. 'waiting', 'XX', 'LT', int(now + LEFT), n)
end
if is_of_other_host(api_url) then
  leave()
  return {'OTHER_HOST'}
end
if is_of_other_org(orgs) then
  leave()
  return {'OTHER_ORG'}
end
local host = host_of(api_url)
if tonumber(n) >= job_number('slices') then return {'NO_JOB'} end
local slice = base .. 'slice:' .. n
local ids = redis.call('GET', base .. 'ids:' .. n)
local ends = tonumber(redis.call('ZSCORE', base .. 'claimed', n) or '')
local claim, held_by, done, deaths, lengths = unpack(
  redis.call('HMGET', slice, 'claim', 'nonce', 'done', 'deaths', 'lengths'))
local mine = ends and held_by == nonce
if done then
  redis.call('ZREM', base .. 'waiting', n)
  return {'DONE'}
end
if ends and (ends > now or store_was_away(now)) and not mine then return {'TAKEN'} end
if not is_intact(n, lengths) then
  end_as_lost(n)
  finish_if_done(now)
  return {'RESTING'}
end
if ends and not mine then deaths = expire_claim(now, n) end
-- A worker that was done with another slice asks for it: no message is to be sent for it.
if tonumber(n) == job_number('next_slice') then set_job('next_slice', n + 1) end
if not is_isolated and not mine and tonumber(deaths or 0) >= MAX_DEATHS then
  -- As if a message had been sent: it takes a while until that process is there.
  wait_until(now + REDELIVER_AFTER, n)
  return {'NEEDS_ISOLATION'}
end
local held_ms = held_until(now, host)
if held_ms - now > long_hold_ms and not mine then
  wait_until(held_ms, n)
  return {'HELD'}
end
if not mine then
  claim = redis.call('HINCRBY', slice, 'claim', 1)
  redis.call('HSET', slice, 'nonce', nonce, 'worker', worker, 'seq', 0)
  redis.call('HSETNX', slice, 'lengths', NOTHING_WRITTEN)
end
set_job('api_url', api_url, 'host', host)
redis.call('ZREM', base .. 'waiting', n)
redis.call('ZADD', base .. 'claimed', int(now + lease_ms), n)
if job_field('state') == 'queued' then set_state(now, 'running', '', '', '') end
return {
  'CLAIMED', tonumber(claim), ids_in(n), ids, redis.call('GET', base .. 'out:' .. n) or '',
  job_field('org_id'), job_field('weight') or '1', redis.call('GET', base .. 'bat:' .. n) or '', redis.call('GET', base .. 'exc:' .. n) or '',
  unpack(fill_window(now, window)),
}
