-- Recovers from dead workers and lost messages: finds expired leases, messages that nobody took, and a deadline
-- that has passed. Any number of workers may call it; each finding is returned to one of them.
--
-- KEYS  1 the job's hash
-- ARGV  1 window   2 ms without activity after which an upload counts as abandoned
--       3 scheme and host of the worker's API   4 organizations that it serves, as in claim.lua; '' for all
-- Returns {code, slices waiting, slices claimed, number of the slice that has waited longest, its wait in ms,
--   ticket ...}: SWEPT; no slice waits if the job is paused, ending or at rest.
--   {NO_JOB}; {ABANDONED}, an upload that stopped: the caller purges it.
-- A worker that does not serve the job gets no tickets; the sweep only ends what is due.
-- include: job state upload claims lengths damage ending window scope hold

local window, abandoned_ms, api_url, orgs = tonumber(ARGV[1]), tonumber(ARGV[2]), ARGV[3], ARGV[4]

if not job_field('state') then
  redis.call('SREM', 'bulk:live', string.sub(base, 7, -3))
  return {'NO_JOB'}
end
-- Workers of that version sweep it.
if is_of_other_version() then return {'SWEPT', 0, 0, 0, 0} end
local now = now_ms()
if job_field('state') == 'preparing' then
  if now - last_upload() >= abandoned_ms then return {'ABANDONED'} end
  return {'SWEPT', 0, 0, 0, 0}
end
if job_field('ended_ms') then return {'SWEPT', 0, 0, 0, 0} end
check_limits(now)
-- Once for what it last recorded: a slow sweep is no silence.
local GRACE = 6000
local spare = store_was_away(now)
set_job('swept_ms', int(now))
clamp_leases(now)
local serves = not is_of_other_host(api_url) and not is_of_other_org(orgs)
local queued = {}
-- Those too whose lease has a moment left: the next sweep would find no silence any more.
for _, n in ipairs(redis.call('ZRANGEBYSCORE', base .. 'claimed', '-inf', int(spare and now + GRACE or now))) do
  local ends = tonumber(redis.call('ZSCORE', base .. 'claimed', n))
  local slice = base .. 'slice:' .. n
  local claim, seq, spared, lengths = unpack(redis.call('HMGET', slice, 'claim', 'seq', 'spared_at', 'lengths'))
  local stands = (claim or '') .. ':' .. (seq or '')
  if spare and claim and spared ~= stands then
    redis.call('HSET', slice, 'spared_at', stands)
    redis.call('ZADD', base .. 'claimed', int(now + GRACE), n)
  elseif ends > now then
    -- Its holder was spared before, and has its lease.
  elseif claim and is_intact(n, lengths) then
    expire_claim(now, n)
    if not serves then
      -- The next sweep of a worker that serves the job sends the message.
      wait_until(0, n)
    elseif is_workable() then
      queued[#queued + 1] = ticket(n)
    end
  else
    end_as_lost(n)
  end
end
if finish_if_done(now) then return {'SWEPT', 0, 0, 0, 0} end
if not serves then return {'SWEPT', 0, 0, 0, 0} end
if is_workable() then
  -- Only what waits for a hold to end is to be sent later than others.
  local held_ms = held_until(now, job_field('host') or host_of(api_url))
  local latest = math.max(now + REDELIVER_AFTER, held_ms)
  for _, n in ipairs(redis.call('ZRANGEBYSCORE', base .. 'waiting', '(' .. int(latest), '+inf')) do
    wait_until(latest, n)
  end
  for _, n in ipairs(redis.call('ZRANGEBYSCORE', base .. 'waiting', '-inf', int(now))) do
    wait_until(now + REDELIVER_AFTER, n)
    queued[#queued + 1] = ticket(n)
  end
  for _, n in ipairs(fill_window(now, window)) do queued[#queued + 1] = n end
  if redis.call('ZCARD', base .. 'waiting') + redis.call('ZCARD', base .. 'claimed') == 0 then
    -- Something is left to do, and nobody would ever be told.
    end_untracked()
    finish_if_done(now)
  end
end
local claimed = redis.call('ZCARD', base .. 'claimed')
if not is_workable() then return {'SWEPT', 0, claimed, 0, 0} end
local longest, redeliver_at = unpack(redis.call('ZRANGE', base .. 'waiting', 0, 0, 'WITHSCORES'))
-- When the message for it was sent; in future where it waits for a hold to end.
local sent = (tonumber(redeliver_at or '') or now + REDELIVER_AFTER) - REDELIVER_AFTER
return {
  'SWEPT', redis.call('ZCARD', base .. 'waiting'), claimed,
  tonumber(longest or '') or 0, math.max(0, now - sent), unpack(queued),
}
