-- What the record of a job consists of, and how its hash is read.
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

local function now_ms()
  local t = redis.call('TIME')
  return t[1] * 1000 + math.floor(t[2] / 1000)
end

-- Read together at the first look at the job: a call from Lua costs more than a field.
local OFTEN_READ = {
  'state', 'ending', 'record_version', 'id', 'org_id', 'api_url', 'host', 'record_lost', 'reason_code', 'reason_texts',
  'total', 'slices', 'slice_ids', 'next_slice', 'created_ms', 'started_ms', 'ended_ms', 'deadline_ms', 'swept_ms',
  'max_failures', 'max_failure_ratio', 'n_pending', 'n_ambiguous', 'n_activated', 'n_already_active', 'n_failed',
  'n_not_attempted', 'n_unknown', 'r_probes',
}

-- The job's hash as far as it was read; false for a field that it does not have. Every write to it goes through the
-- functions below, which keep this in step.
local fields = {}

local function read_job(names)
  for i, value in ipairs(redis.call('HMGET', job, unpack(names))) do fields[names[i]] = value end
end

local function job_field(name)
  if fields.state == nil then read_job(OFTEN_READ) end
  if fields[name] == nil then read_job({name}) end
  return fields[name] or nil
end

-- Takes field, value ...
local function set_job(...)
  redis.call('HSET', job, ...)
  for i = 1, select('#', ...), 2 do
    local name, value = select(i, ...)
    fields[name] = value
  end
end

local function drop_from_job(name)
  redis.call('HDEL', job, name)
  fields[name] = false
end

-- Slices of a job at most, 377 million ids: a loop over more would keep Redis busy for all.
local MAX = {slices = 131072, slice_ids = 65535}
local function job_number(field)
  local value = tonumber(job_field(field) or 0)
  -- What is not equal to itself is no number.
  if not value or value ~= value or math.abs(value) > (MAX[field] or 9007199254740992) then
    error('the field ' .. field .. ' of the job is no number that can be: its record was not written by us')
  end
  return value
end

-- Lua writes large numbers as 1.7e+12 unless told otherwise.
local function int(value)
  return string.format('%.0f', value)
end

-- Adds to counters of the job, {name = amount}: two calls, however many there are.
local function add_to_job(amounts)
  local names, sums = {}, {}
  for name in pairs(amounts) do names[#names + 1] = name end
  if #names == 0 then return end
  read_job(names)
  for _, name in ipairs(names) do
    sums[#sums + 1], sums[#sums + 2] = name, int(job_number(name) + amounts[name])
  end
  set_job(unpack(sums))
end

-- Whether the record of the job is laid out in another way than is known here. Some of version 1 do not say so.
local function is_of_other_version()
  return (job_field('record_version') or '1') ~= RECORD_VERSION
end

-- Ids of slice `n`.
local function ids_in(n)
  local size = job_number('slice_ids')
  return math.min(size, job_number('total') - n * size)
end
