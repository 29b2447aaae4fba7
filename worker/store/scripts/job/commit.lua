-- Records outcomes and moves the counters, renews the lease, raises the mark: one truth in one step.
-- It completes the job when the last id is settled. Repeating it changes nothing (claim and seq).
--
-- KEYS  1 the job's hash
-- ARGV  1 slice   2 claim number   3 seq, counted from 1 within the claim   4 lease in ms   5 window
--       6 mark: ids below it may be sent from now on
--       7 what to do with the claim: 'keep'; 'release', give the slice back, nothing is in flight;
--         'hand over', the same by a worker that stops: the next sweep of another sends the message;
--         'break', as 'release' after a defect of ours, which counts as a death;
--         'snooze', the same until a long hold is over: then a sweep sends the message
--       8 JSON: {runs:    [[first index, ids, code, attempts, status]...]      whole batches side by side
--                settled: [[first index, codes, attempts, status]...]          a whole batch
--                apart:   [[index, code, attempts, status]...]                 one id of a batch
--                reasons: [[index, code, reason's text, id]...]
--                requests: {name: count}, timeline: {sent, throttled, held_ms, allowed: its sum over sent},
--                api_problem: why the API cannot be reached, or '',
--                support: [[status, the API's name of the request]...] of exceptional answers}
--       9 ids in the slice   10 probes that a job may make besides one for each id that it activates
--       11 ms for which a snoozed slice is left alone
-- An id that has a final outcome is never changed; a reason counts only with the change of its id.
-- Returns {code, state, 1 if the worker should go on else 0, probes left,
--          1 if the API has settled an id of the job else 0,
--          a slice for which no message was sent yet, or -1, ticket ...}
--   COMMITTED, or REPEATED for a seq seen before
--   FENCED    the claim is another's by now, or keys of the slice are gone: nothing was recorded
--   NO_JOB
-- include: job outcomes totals bytes state reasons lengths claims damage ending window

local n, claim, seq, lease_ms = ARGV[1], ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4])
local window, mark, claim_end, doc = tonumber(ARGV[5]), ARGV[6], ARGV[7], ARGV[8]
local size, free_probes, snooze_ms = tonumber(ARGV[9]), tonumber(ARGV[10]), tonumber(ARGV[11])

-- Ids in a request, and bytes of one in `bat`; as `worker.core.batches.batch.MAX_BATCH` and `worker.core.batches.record`.
local MAX_BATCH, BATCH_BYTES = 15, 8

local slice = base .. 'slice:' .. n
local state = job_field('state')
if not state then return {'NO_JOB', '', 0, 0, 0, -1} end
local held_by, seen, lengths, deaths = unpack(redis.call('HMGET', slice, 'claim', 'seq', 'lengths', 'deaths'))
if held_by ~= claim then return {'FENCED', state, 0, 0, 0, -1} end
local function probes_left()
  return free_probes + job_number('n_activated') - job_number('r_probes')
end
local function accepted()
  return job_number('n_activated') + job_number('n_already_active') + job_number('n_failed') > 0 and 1 or 0
end
local function upcoming()
  local next = job_number('next_slice')
  return is_workable() and next < job_number('slices') and next or -1
end
if seq <= tonumber(seen) then return {'REPEATED', state, is_workable() and 1 or 0, probes_left(), accepted(), upcoming()} end
if not redis.call('ZSCORE', base .. 'claimed', n) then return {'FENCED', state, 0, 0, 0, -1} end
local now = now_ms()
if not is_intact(n, lengths) then
  end_as_lost(n)
  finish_if_done(now)
  return {'FENCED', job_field('state'), 0, 0, 0, -1}
end
doc = cjson.decode(doc)
-- Not before its creation, though the store's clock may have been set back.
local age = math.max(0, now - job_number('created_ms'))
local moved = {}
local settled_now = 0

local function move(from, to)
  if from == to then return end
  moved[from] = (moved[from] or 0) - 1
  moved[to] = (moved[to] or 0) + 1
  if to ~= '?' then settled_now = settled_now + 1 end
end

local FINAL = {A = true, a = true, F = true, N = true, U = true}
-- The outcome of an id before this step; reasons count where it was not final.
local before = {}

-- True where any of these ids was still open, so that the request that it was in counts as its last.
local function write_outcomes(first, codes)
  local key = base .. 'out:' .. n
  local old = redis.call('GETRANGE', key, first, first + #codes - 1)
  old = old .. string.rep('.', #codes - #old)
  local new, open = {}, false
  for i = 1, #codes do
    local from, to = string.sub(old, i, i), string.sub(codes, i, i)
    if before[first + i - 1] == nil then before[first + i - 1] = from end
    if FINAL[from] then to = from else open = true end
    move(from, to)
    new[i] = to
  end
  local text = table.concat(new)
  if text == old then return open end
  -- SETRANGE fills a gap with zero bytes: lay the pending characters first.
  local length = redis.call('STRLEN', key)
  if length < first then redis.call('APPEND', key, string.rep('.', first - length)) end
  redis.call('SETRANGE', key, first, text)
  return true
end

local function settle(first, codes, attempts, status)
  if write_outcomes(first, codes) then
    redis.call('SETRANGE', base .. 'bat:' .. n, first / MAX_BATCH * BATCH_BYTES,
      pack(attempts, 1) .. pack(status, 2) .. pack(age, 5))
  end
end

-- At once, where all of these ids were pending. False where that is not so: then nothing was changed.
local function settle_run(first, ids, code, attempts, status)
  local key = base .. 'out:' .. n
  if string.find(redis.call('GETRANGE', key, first, first + ids - 1), '[^.]') then return false end
  local length = redis.call('STRLEN', key)
  if length < first then redis.call('APPEND', key, string.rep('.', first - length)) end
  redis.call('SETRANGE', key, first, string.rep(code, ids))
  redis.call('SETRANGE', base .. 'bat:' .. n, first / MAX_BATCH * BATCH_BYTES,
    string.rep(pack(attempts, 1) .. pack(status, 2) .. pack(age, 5), math.ceil(ids / MAX_BATCH)))
  moved['.'] = (moved['.'] or 0) - ids
  moved[code] = (moved[code] or 0) + ids
  settled_now = settled_now + ids
  return true
end

for _, run in ipairs(doc.runs) do
  local first, ids, code, attempts, status = unpack(run)
  if not settle_run(first, ids, code, attempts, status) then
    for at = first, first + ids - 1, MAX_BATCH do
      settle(at, string.rep(code, math.min(MAX_BATCH, first + ids - at)), attempts, status)
    end
  end
end
for _, entry in ipairs(doc.settled) do settle(unpack(entry)) end
for _, entry in ipairs(doc.apart) do
  local index, code, attempts, status = entry[1], entry[2], entry[3], entry[4]
  if write_outcomes(index, code) then
    redis.call('APPEND', base .. 'exc:' .. n,
      pack(index, 2) .. pack(attempts, 1) .. pack(status, 2) .. pack(age, 5))
  end
end
local added, added_to_all = {}, {['sent:' .. (job_field('org_id') or '')] = doc.requests.sent or 0}
for from, count in pairs(moved) do
  added[COUNTER[from]] = count
  if FINAL[from] then added_to_all[COUNTER[from]] = count end
end
for name, count in pairs(doc.requests) do added['r_' .. name], added_to_all['r_' .. name] = count, count end
add_to_job(added)
add_totals(added_to_all)
if settled_now > 0 then set_job('moved_ms', int(now)) end

-- Ids of a reason that are kept for show.
local SAMPLES = 5
for _, entry in ipairs(doc.reasons) do
  local index, code, text, id = entry[1], entry[2], entry[3], entry[4]
  if not FINAL[before[index]] then
    local reason_no = intern_reason(text)
    redis.call('APPEND', base .. 'why:' .. n, pack(index, 2) .. pack(reason_no, 2))
    if code == 'F' or code == 'U' then
      if redis.call('HINCRBY', base .. 'tally', reason_no, 1) <= SAMPLES then
        local samples = redis.call('HGET', base .. 'samples', reason_no)
        redis.call('HSET', base .. 'samples', reason_no, samples and (samples .. '\n' .. id) or id)
      end
    end
  end
end

for _, entry in ipairs(doc.support) do
  local field = 'support_' .. entry[1]
  local known = job_field(field)
  local _, count = string.gsub(known or '', '%S+', '')
  if count < SAMPLES then set_job(field, known and (known .. ' ' .. entry[2]) or entry[2]) end
end

-- At most 256 buckets over the job's life; when it outgrows them, neighbours merge and buckets double.
local BUCKETS = 256
local function add_to_timeline(values)
  local key = base .. 'timeline'
  local started = job_number('started_ms')
  local width = tonumber(redis.call('HGET', key, 'width_ms') or '1000') or 1000
  -- From less it would not grow to what is needed.
  if not (width >= 1000) then width = 1000 end
  while (now - started) / width >= BUCKETS do
    local old, merged = redis.call('HGETALL', key), {}
    for i = 1, #old, 2 do
      local bucket = tonumber(old[i])
      if bucket then
        local half, sums = math.floor(bucket / 2), {}
        local position = 0
        for value in string.gmatch(old[i + 1], '%S+') do
          position = position + 1
          sums[position] = (tonumber(value) or 0) + ((merged[half] or {})[position] or 0)
        end
        merged[half] = sums
      end
    end
    redis.call('DEL', key)
    for bucket, sums in pairs(merged) do redis.call('HSET', key, bucket, table.concat(sums, ' ')) end
    width = width * 2
    redis.call('HSET', key, 'width_ms', width)
  end
  local bucket = math.max(0, math.floor((now - started) / width))
  local old, sums, position = redis.call('HGET', key, bucket) or '', {}, 0
  for value in string.gmatch(old, '%S+') do
    position = position + 1
    sums[position] = tonumber(value) or 0
  end
  for i = 1, #values do sums[i] = (sums[i] or 0) + values[i] end
  redis.call('HSET', key, bucket, table.concat(sums, ' '))
end
local line = doc.timeline
if line.sent + settled_now + line.throttled + line.held_ms > 0 then
  add_to_timeline({line.sent, settled_now, line.throttled, line.held_ms, line.allowed or 0})
end

if state == 'running' then
  if doc.api_problem ~= '' then
    set_job('reason_code', 'api_unavailable', 'reason_message', doc.api_problem, 'reason_actor', 'worker')
  elseif settled_now > 0 and job_field('reason_code') == 'api_unavailable' then
    set_job('reason_code', '', 'reason_message', '', 'reason_actor', '')
  end
end

redis.call('HSET', slice, 'seq', seq, 'mark', mark, 'lengths', value_lengths(n))
if settled_now > 0 and deaths then redis.call('HDEL', slice, 'deaths') end
redis.call('ZADD', base .. 'claimed', int(now + lease_ms), n)
local queued = {}
local keeps, hands_over, snoozes = claim_end == 'keep', claim_end == 'hand over', claim_end == 'snooze'
if claim_end == 'break' and settled_now == 0 then redis.call('HINCRBY', slice, 'deaths', 1) end
if not keeps then
  redis.call('HSET', slice, 'mark', 0)
  redis.call('ZREM', base .. 'claimed', n)
  local out = redis.call('GET', base .. 'out:' .. n) or ''
  if #out >= size and not string.find(out, '[.?]') then
    redis.call('HSET', slice, 'done', 1)
  else
    wait_until(hands_over and 0 or now + (snoozes and snooze_ms or REDELIVER_AFTER), n)
    if is_workable() and not hands_over and not snoozes then queued[1] = ticket(n) end
  end
end
check_limits(now)
local rests = finish_if_done(now)
if not rests and not hands_over then
  for _, next in ipairs(fill_window(now, window)) do queued[#queued + 1] = next end
end
return {'COMMITTED', job_field('state'), is_workable() and 1 or 0, probes_left(), accepted(), upcoming(), unpack(queued)}
