-- Removes a job at rest or an abandoned upload: the job itself at once, its slices over several calls, so that no
-- call blocks Redis for long.
-- The next call, by any process, continues. Meanwhile nothing of the job can be written again, since every other
-- script returns NO_JOB.
--
-- KEYS  1 the job's hash
-- ARGV  1 minimum ms at rest; 0 for any   2 slices removed per call
--       3 key suffixes of a job, separated by spaces   4 key suffixes of a slice
--       5 ms without activity after which an upload counts as abandoned
--       6 record versions with these keys, each between spaces
-- Returns {code, ...}: PURGED, nothing is left; PURGING and the slices left: call again;
--   KEPT, not at rest for long enough; ILLEGAL and the state: not at rest; NO_JOB;
--   OTHER_VERSION and the state: keys of another record version are unknown, so nothing is removed.
-- include: job upload

local rested_ms, slices_at_once = tonumber(ARGV[1]), tonumber(ARGV[2])
local parts_of_job, parts_of_slice = ARGV[3], ARGV[4]
local abandoned_ms, versions = tonumber(ARGV[5]), ARGV[6]

local PURGING = 'bulk:purging'
local id = string.sub(base, 7, -3)
local left = tonumber(redis.call('HGET', PURGING, id) or '')
if left then left = left == left and math.max(0, math.min(left, MAX.slices)) or 0 end
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
  left = known and slices or MAX.slices
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
