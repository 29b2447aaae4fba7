-- Claims on slices: when they end, and what becomes of the slice then.
-- include: job lengths

-- No lease lasts longer; as `worker.store.claims.LEASE_MS`.
local MAX_LEASE = 6000

-- Deaths in a row after which a slice is worked on only by a process that does nothing else.
local MAX_DEATHS = 3

-- Moves slice `n`'s ids from pending to ambiguous where they may have been sent: below the mark.
-- Called when its claim ended without being given back.
local function mark_ambiguous(n)
  local slice = base .. 'slice:' .. n
  local mark = tonumber(redis.call('HGET', slice, 'mark') or 0)
  if mark == 0 then return end
  local out = redis.call('GETRANGE', base .. 'out:' .. n, 0, mark - 1)
  out = out .. string.rep('.', mark - #out)
  local doubted, count = string.gsub(out, '%.', '?')
  if count > 0 then
    redis.call('SETRANGE', base .. 'out:' .. n, 0, doubted)
    store_lengths(n)
    add_to_job({n_pending = -count, n_ambiguous = count})
  end
  redis.call('HSET', slice, 'mark', 0)
end

-- A slice waits for a worker under the time at which a message for it is to be sent (again): 0 for at once, where
-- none was sent; else once the one that was sent counts as lost, as `worker.store.script_args.REDELIVER_AFTER_MS`.
local REDELIVER_AFTER = 15000
local function wait_until(redeliver_at_ms, n)
  redis.call('ZADD', base .. 'waiting', int(redeliver_at_ms), n)
end

-- A claim on slice `n` ended with its worker. The claim number moves, so that whoever held it is fenced
-- when it wakes. The caller sends a message for the slice, or calls `wait_until` itself. Returns the slice's deaths.
local function expire_claim(now, n)
  mark_ambiguous(n)
  local slice = base .. 'slice:' .. n
  redis.call('HINCRBY', slice, 'claim', 1)
  store_lengths(n)
  redis.call('ZREM', base .. 'claimed', n)
  wait_until(now + REDELIVER_AFTER, n)
  return redis.call('HINCRBY', slice, 'deaths', 1)
end

-- Sweeps come each second. After a silence the store was out of reach for all workers, and holders of claims get time
-- to record their outcomes.
local SILENCE = 3000
local function store_was_away(now)
  local swept = job_number('swept_ms')
  -- Its first slice may be claimed before it was ever swept.
  local reached = swept > 0 and swept or job_number('started_ms')
  return reached > 0 and now - reached > SILENCE
end

-- A lease that ends later than any can, since the store's clock was set back, would hold for as long.
local function clamp_leases(now)
  local latest = int(now + MAX_LEASE)
  for _, n in ipairs(redis.call('ZRANGEBYSCORE', base .. 'claimed', '(' .. latest, '+inf')) do
    redis.call('ZADD', base .. 'claimed', latest, n)
  end
end
