-- What every step on a job shares. It stands before each of the other files when they are loaded.
--
-- KEYS[1] is always the job's hash, bulk:{JOB}:job; every other key is derived from it, which its hash
-- tag allows. Fields of that hash:
--   record_version    of the layout of all this; version 1 did not always note it
--   state, reason_code, reason_message, reason_actor    where it stands and why
--   ending            JSON {state, code, message, actor}: where it goes once no slice is claimed
--   total, slices, slice_ids, next_slice    ids, slices, ids in a slice, the next slice never queued
--   n_<outcome>       the counters; they sum to total at every moment
--   r_<name>          requests by kind and by status (r_200, ...)
--   support_<status>  the API's names of a few exceptional requests, spaces between
--   created_ms, started_ms, ended_ms, deadline_ms       the store's clock, milliseconds
--   moved_ms          when an id was settled last
--   active_ms, active_since                             time spent in 'running'
--   record_lost       1 once keys of it were found deleted
--   swept_ms          when a sweep last looked
--   reason_texts      how many texts of reasons it has
--   upload_ms         the last sign of life of the upload
--   api_url           scheme and host of the API that it is sent to, from its first claim on, if not from its creation
--   host              the host in it, which with the organization names the budget
--   folder_due        1 for a job of `run` while its results folder is to be written
--   max_failures, max_failure_ratio, weight, org_id, manifest, labels ...
-- Fields of a slice's hash, bulk:{JOB}:slice:N:
--   claim, nonce, worker, seq, mark     who works on it, and below which place ids may have been sent
--   deaths            claims in a row that ended with their worker, no new outcome recorded in between
--   lengths           how long its values were when they were last written
--   spared_at         the claim:seq for which a claim's lease was prolonged after the store was away
--   done              every id has its final outcome
-- An outcome's character: . pending  ? ambiguous  A activated  a already_active  F failed
--                         N not_attempted  U unknown

local job = KEYS[1]
local base = string.sub(job, 1, -4)
-- Moves when a worker that does not know of a change could harm a job. As `worker.core.job.RECORD_VERSION`.
-- What a report is read from has the same names and layout in version 1 (`worker.core.job.READABLE_VERSIONS`).
local RECORD_VERSION = '2'
local HISTORY = 200
-- Deaths in a row after which a slice is worked on only by a process that does nothing else.
local MOST_DEATHS = 3
local COUNTER = {
  ['.'] = 'n_pending', ['?'] = 'n_ambiguous', ['A'] = 'n_activated', ['a'] = 'n_already_active',
  ['F'] = 'n_failed', ['N'] = 'n_not_attempted', ['U'] = 'n_unknown',
}

local function now_ms()
  local t = redis.call('TIME')
  return t[1] * 1000 + math.floor(t[2] / 1000)
end

-- No lease lasts longer; as `worker.store.claims.LEASE_MS`.
local MOST_LEASE = 6000

local function job_field(field)
  return redis.call('HGET', job, field) or nil
end

-- Slices of a job at most, 377 million ids: a loop over more would keep Redis busy for all.
local MOST = {slices = 131072, slice_ids = 65535}
local function job_number(field)
  local value = tonumber(job_field(field) or 0)
  -- What is not equal to itself is no number.
  if not value or value ~= value or math.abs(value) > (MOST[field] or 9007199254740992) then
    error('the field ' .. field .. ' of the job is no number that can be: its record was not written by us')
  end
  return value
end

-- Lua writes large numbers as 1.7e+12 unless told otherwise.
local function int(value)
  return string.format('%.0f', value)
end

-- Sums over all jobs, those removed too, for the metrics: they only ever grow. What all jobs share is written
-- by `pcall`: where somebody spoilt it, no job is to end for it.
local function add_total(name, count)
  if count > 0 then redis.pcall('HINCRBY', 'bulk:totals', name, count) end
end

local function set_state(now, to, code, message, actor)
  local from = job_field('state')
  if from == 'running' then
    local since = job_number('active_since')
    -- The store's clock may have been set back.
    redis.call('HINCRBY', job, 'active_ms', int(math.max(0, now - since)))
  end
  redis.call('HSET', job, 'state', to, 'reason_code', code, 'reason_message', message, 'reason_actor', actor)
  if to == 'running' then
    redis.call('HSET', job, 'active_since', int(now))
    redis.call('HSETNX', job, 'started_ms', int(now))
  end
  redis.call('RPUSH', base .. 'history', cjson.encode({
    at = now, from = from, to = to, code = code, message = message, actor = actor,
  }))
  redis.call('LTRIM', base .. 'history', -HISTORY, -1)
  -- Whoever looks next tells of it.
  redis.pcall('ZADD', 'bulk:notify', 0, job_field('id'))
end

local function finish_job(now, to, code, message, actor)
  set_state(now, to, code, message, actor)
  redis.call('HSET', job, 'ended_ms', int(now))
  add_total('ended:' .. to .. ':' .. code, 1)
  redis.call('HDEL', job, 'ending')
  redis.call('DEL', base .. 'waiting', base .. 'claimed')
  redis.pcall('SREM', 'bulk:live', job_field('id'))
end

-- Ids of slice `n`.
local function ids_in(n)
  local size = job_number('slice_ids')
  return math.min(size, job_number('total') - n * size)
end

local function pack(value, bytes)
  local out = {}
  for i = bytes, 1, -1 do
    out[i] = string.char(value % 256)
    value = math.floor(value / 256)
  end
  return table.concat(out)
end

-- A job of millions must not keep millions of texts. Past the cap a message is dropped, then the name.
local MOST_TEXTS, MOST_NAMES = 4000, 5000
local function intern_reason(text)
  local key = base .. 'reasons'
  local known = redis.call('HGET', key, text)
  if known then return tonumber(known) end
  local count = redis.call('HLEN', key)
  if count >= MOST_TEXTS then
    local name, status = string.match(text, '^([^%z]*)%z([^%z]*)%z')
    text = name .. '\0' .. status .. '\0'
    if count >= MOST_NAMES then text = 'OTHER\0' .. status .. '\0' end
    known = redis.call('HGET', key, text)
    if known then return tonumber(known) end
  end
  redis.call('HSET', key, text, count + 1)
  redis.call('HSET', job, 'reason_texts', count + 1)
  return count + 1
end

-- How long the values of slice `n` are.
local function value_lengths(n)
  local found = {}
  for i, part in ipairs({'out', 'bat', 'why', 'exc'}) do
    found[i] = redis.call('STRLEN', base .. part .. ':' .. n)
  end
  return table.concat(found, ' ')
end

local function store_lengths(n)
  redis.call('HSET', base .. 'slice:' .. n, 'lengths', value_lengths(n))
end

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
    redis.call('HINCRBY', job, 'n_pending', -count)
    redis.call('HINCRBY', job, 'n_ambiguous', count)
  end
  redis.call('HSET', slice, 'mark', 0)
end

-- Launched, and not at rest: only such a job ends. Messages and sweeps may be earlier or later than that.
local MOVES = {queued = true, running = true, paused = true, cancelling = true}

-- A slice waits for a worker under the time at which a message for it is to be sent (again): 0 for at once, where
-- none was sent; else once the one that was sent counts as lost, as `worker.store.jobs.REDELIVER_AFTER_MS`.
local REDELIVER_AFTER = 15000
local function wait_until(redeliver_at_ms, n)
  redis.call('ZADD', base .. 'waiting', int(redeliver_at_ms), n)
end

-- A claim on slice `n` ended with its worker. The claim number moves, so that whoever held it is fenced
-- when it wakes. The caller sends a message for the slice, or calls `wait_until` itself.
local function expire_claim(now, n)
  mark_ambiguous(n)
  local slice = base .. 'slice:' .. n
  redis.call('HINCRBY', slice, 'claim', 1)
  store_lengths(n)
  redis.call('HINCRBY', slice, 'deaths', 1)
  redis.call('ZREM', base .. 'claimed', n)
  wait_until(now + REDELIVER_AFTER, n)
end

-- Sweeps come each second. After a silence the store was out of reach for everyone, and whoever holds a
-- claim gets time to record what it holds.
local SILENCE = 3000
local function store_was_away(now)
  local swept = job_number('swept_ms')
  return swept > 0 and now - swept > SILENCE
end

-- Whether the values of slice `n` are still as long as when they were written.
local function is_intact(n)
  return value_lengths(n) == (redis.call('HGET', base .. 'slice:' .. n, 'lengths') or '0 0 0 0')
    and redis.call('EXISTS', base .. 'ids:' .. n) == 1
    and redis.call('HLEN', base .. 'reasons') >= job_number('reason_texts')
end

-- When the submitter last gave a sign of life.
local function last_upload()
  return math.max(job_number('upload_ms'), job_number('created_ms'))
end

local function set_ending(to, code, message, actor)
  if job_field('ended_ms') then return end
  redis.call('HSETNX', job, 'ending', cjson.encode({state = to, code = code, message = message, actor = actor}))
end

-- Counts the job anew from what is left of its record.
local function recount()
  local sums = {}
  for n = 0, job_number('slices') - 1 do
    local out = redis.call('GET', base .. 'out:' .. n) or ''
    local open = ids_in(n)
    for code in pairs(COUNTER) do
      if code ~= '.' then
        local _, count = string.gsub(out, '[' .. code .. ']', '')
        sums[code] = (sums[code] or 0) + count
        open = open - count
      end
    end
    sums['.'] = (sums['.'] or 0) + open
  end
  for code, field in pairs(COUNTER) do redis.call('HSET', job, field, sums[code] or 0) end
end

-- Somebody deleted keys of slice `n`: the job ends, and what is not known any more is called unknown.
local function end_as_lost(n)
  local out, slice = base .. 'out:' .. n, base .. 'slice:' .. n
  local kept = redis.call('GET', out) or ''
  local was = tonumber(string.match(redis.call('HGET', slice, 'lengths') or '', '^%d+') or '')
  local size = ids_in(n)
  if was == nil or #kept < was then
    -- Any of them may have been sent, and settled. What is left says nothing without its outcomes.
    if was and #kept < was then
      redis.call('DEL', base .. 'bat:' .. n, base .. 'why:' .. n, base .. 'exc:' .. n)
    end
    redis.call('SET', out, (string.gsub(kept .. string.rep('.', size - #kept), '[.?]', 'U')))
  else
    mark_ambiguous(n)
  end
  redis.call('ZREM', base .. 'claimed', n)
  redis.call('ZREM', base .. 'waiting', n)
  redis.call('HINCRBY', slice, 'claim', 1)
  redis.call('HSET', slice, 'done', 1, 'mark', 0)
  store_lengths(n)
  redis.call('HDEL', job, 'ending')
  redis.call('HSET', job, 'record_lost', 1)
  set_ending('failed', 'record_lost',
    'keys of slice ' .. n .. ' were deleted from Redis: look for who did it, and submit the list again', 'store')
end

-- Which slices are claimed or waiting is lost: those that are not done end as they stand.
local function end_untracked()
  for n = 0, job_number('slices') - 1 do
    if not redis.call('HGET', base .. 'slice:' .. n, 'done') then
      end_as_lost(n)
    end
  end
end

-- A lease that ends later than any can, since the store's clock was set back, would hold for as long.
local function clamp_leases(now)
  local most = int(now + MOST_LEASE)
  for _, n in ipairs(redis.call('ZRANGEBYSCORE', base .. 'claimed', '(' .. most, '+inf')) do
    redis.call('ZADD', base .. 'claimed', most, n)
  end
end

-- When the hold of the budget ends, in milliseconds; no later than one can that was so long.
local LONGEST_HOLD = 3600000
local function held_until(now, host)
  local hold_us, len_us = unpack(
    redis.call('HMGET', 'bulk:budget:' .. host .. ':' .. job_field('org_id'), 'hold_us', 'hold_len_us'))
  local most = math.min(LONGEST_HOLD, (tonumber(len_us or '') or 1000 * LONGEST_HOLD) / 1000)
  return math.min((tonumber(hold_us or '') or 0) / 1000, now + most)
end

-- Slices of a job that would complete of which something is gone.
local function end_damaged()
  for n = 0, job_number('slices') - 1 do
    if redis.call('EXISTS', base .. 'ids:' .. n) == 0
      or redis.call('STRLEN', base .. 'out:' .. n) < ids_in(n) then end_as_lost(n) end
  end
end

-- Brings the job to rest where nothing is left to do or to wait for. True if it rests now.
local function finish_if_done(now)
  local state = job_field('state')
  if not MOVES[state] then return state ~= 'preparing' end
  if job_number('n_pending') + job_number('n_ambiguous') == 0 then
    if not job_field('record_lost') then end_damaged() end
    if not job_field('record_lost') then
      finish_job(now, 'completed', '', '', '')
      return true
    end
  end
  local ending = job_field('ending')
  if not ending then return false end
  clamp_leases(now)
  if redis.call('ZCOUNT', base .. 'claimed', '(' .. int(now), '+inf') > 0 then return false end
  for _, n in ipairs(redis.call('ZRANGE', base .. 'claimed', 0, -1)) do mark_ambiguous(n) end
  if job_field('record_lost') then recount() end
  local pending, ambiguous = job_number('n_pending'), job_number('n_ambiguous')
  redis.call('HINCRBY', job, 'n_not_attempted', pending)
  redis.call('HINCRBY', job, 'n_unknown', ambiguous)
  add_total('n_not_attempted', pending)
  add_total('n_unknown', ambiguous)
  redis.call('HSET', job, 'n_pending', 0, 'n_ambiguous', 0, 'rest_pending', pending, 'rest_ambiguous', ambiguous)
  local to = cjson.decode(ending)
  finish_job(now, to.state, to.code, to.message, to.actor)
  return true
end

-- Ends the job early once a limit that its submitter set is crossed.
local MIN_SAMPLE = 100
local function check_limits(now)
  if not MOVES[job_field('state')] then return end
  local failed = job_number('n_failed') + job_number('n_unknown')
  local most = tonumber(job_field('max_failures') or '')
  if most and failed > most then
    set_ending('failed', 'too_many_failures', failed .. ' ids failed, at most ' .. int(most) .. ' allowed', 'worker')
  end
  local ratio = tonumber(job_field('max_failure_ratio') or '')
  if ratio then
    local settled = failed + job_number('n_activated') + job_number('n_already_active')
    if settled >= math.min(MIN_SAMPLE, job_number('total')) and failed > ratio * settled then
      set_ending('failed', 'too_many_failures',
        failed .. ' of ' .. settled .. ' ids failed, at most a share of ' .. ratio .. ' allowed', 'worker')
    end
  end
  local deadline = tonumber(job_field('deadline_ms') or '')
  if deadline and now >= deadline then
    set_ending('expired', 'deadline', 'the deadline passed', 'worker')
  end
end

-- Whether the record of the job is laid out in another way than is known here. Some of version 1 do not say so.
local function is_of_other_version()
  return (job_field('record_version') or '1') ~= RECORD_VERSION
end

local function is_workable()
  local state = job_field('state')
  return (state == 'queued' or state == 'running') and not job_field('ending')
end

-- 'N:SIZE', a slice for which a message is to be sent, and its number of ids.
local function ticket(n)
  return n .. ':' .. ids_in(n)
end

local function host_of(api_url)
  return string.match(api_url, '^%a+://(.*)$') or api_url
end

-- Whether the job is sent to another API than `api_url`; '' for who sends nothing.
local function is_of_other_host(api_url)
  if api_url == '' then return false end
  local bound, host = job_field('api_url'), job_field('host')
  if bound then return bound ~= api_url end
  -- Earlier versions noted the host alone.
  return host ~= nil and host ~= host_of(api_url)
end

-- `orgs`: with spaces around each; '' for any.
local function is_of_other_org(orgs)
  if orgs == '' then return false end
  return not string.find(orgs, ' ' .. string.lower(job_field('org_id') or '') .. ' ', 1, true)
end

-- As `worker.core.ids.is_org_id`: it becomes part of a URL, of a key and of a file's name.
local function is_org_id(text)
  return text ~= nil and #text >= 8 and #text <= 64
    and string.match(text, '^[0-9A-Za-z][0-9A-Za-z%-]*[0-9A-Za-z]$') ~= nil
end

-- Keeps `window` slices waiting besides those claimed. Returns their tickets.
local function fill_window(now, window)
  local queued = {}
  if not is_workable() then return queued end
  local next, slices = job_number('next_slice'), job_number('slices')
  local waiting = redis.call('ZCARD', base .. 'waiting')
  while waiting < window and next < slices do
    wait_until(now + REDELIVER_AFTER, next)
    queued[#queued + 1] = ticket(next)
    next, waiting = next + 1, waiting + 1
  end
  redis.call('HSET', job, 'next_slice', next)
  return queued
end
