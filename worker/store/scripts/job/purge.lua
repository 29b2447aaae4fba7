-- Removes a job that rests, or an upload that was abandoned: the job itself at once, its slices some at a time, so
-- that no call is long.
-- A repetition, by anyone, goes on where the last call stopped. Nothing of the job can come back
-- meanwhile: every other step finds no job.
--
-- KEYS  1 the job's hash
-- ARGV  1 ms that it must have rested; 0 for any   2 slices in one call
--       3 the parts that a job has, spaces between   4 the parts that a slice has
--       5 ms of silence after which an upload may be removed too
--       6 the versions of the record of which these are the parts, spaces around each
-- Returns {code, ...}: PURGED, nothing is left; PURGING, slices left: call again;
--   KEPT, it has not rested for so long; ILLEGAL, state: it does not rest; NO_JOB;
--   OTHER_VERSION, state: what it consists of is not known here, so it is left as it is.
-- include: job upload

local rested_ms, slices_at_once = tonumber(ARGV[1]), tonumber(ARGV[2])
local parts_of_job, parts_of_slice = ARGV[3], ARGV[4]
local abandoned_ms, versions = tonumber(ARGV[5]), ARGV[6]

local PURGING = 'bulk:purging'
local id = string.sub(base, 7, -3)
local left = tonumber(redis.call('HGET', PURGING, id) or '')
if left then left = left == left and math.max(0, math.min(left, MOST.slices)) or 0 end
if not left then
  local state = job_field('state')
  if not state then return {'NO_JOB'} end
  if not string.find(versions, ' ' .. (job_field('record_version') or '1') .. ' ', 1, true) then
    return {'OTHER_VERSION', state}
  end
  if state == 'preparing' then
    if now_ms() - last_upload() < abandoned_ms then return {'ILLEGAL', state} end
  else
    local ended = tonumber(job_field('ended_ms') or '')
    if not ended then return {'ILLEGAL', state} end
    if now_ms() - ended < rested_ms then return {'KEPT'} end
  end
  -- As many as there can be, where its record was spoilt: there is no other way to be rid of it.
  local known, slices = pcall(job_number, 'slices')
  left = known and slices or MOST.slices
  redis.call('HSET', PURGING, id, left)
  redis.call('ZREM', 'bulk:jobs', id)
  redis.call('ZREM', 'bulk:notify', id)
  -- Where version 1 noted what was to be told of.
  redis.call('ZREM', 'bulk:untold', id)
  redis.call('SREM', 'bulk:live', id)
  local request = job_field('request_id')
  if request then
    local key = 'bulk:request:' .. request
    -- By now it may name a later job.
    if string.match(redis.call('GET', key) or '', '^%S+') == id then redis.call('DEL', key) end
  end
  for part in string.gmatch(parts_of_job, '%S+') do redis.call('UNLINK', base .. part) end
end
local first = math.max(0, left - slices_at_once)
for n = first, left - 1 do
  for part in string.gmatch(parts_of_slice, '%S+') do redis.call('UNLINK', base .. part .. ':' .. n) end
end
if first > 0 then
  redis.call('HSET', PURGING, id, first)
  return {'PURGING', first}
end
redis.call('HDEL', PURGING, id)
return {'PURGED'}
