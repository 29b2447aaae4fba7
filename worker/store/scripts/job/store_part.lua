-- Stores a part of the list during the upload. A repeated call changes nothing.
--
-- KEYS  1 the job's hash
-- ARGV  1 'ids' for slices, 'skipped' for chunks of skipped lines   2.. number, packed value ...
-- Returns {code}: STORED; ALREADY, the same request, sent by another process, has started the job; NO_JOB, it
--   was removed; OTHER_VERSION, the job has another record version.
-- include: job

local what = ARGV[1]

local state = job_field('state')
if not state then return {'NO_JOB'} end
if is_of_other_version() then return {'OTHER_VERSION'} end
if state ~= 'preparing' then return {'ALREADY'} end
local slices = job_number('slices')
for i = 2, #ARGV, 2 do
  if what == 'ids' then
    redis.call('SET', base .. 'ids:' .. ARGV[i], ARGV[i + 1])
    slices = math.max(slices, ARGV[i] + 1)
  else
    redis.call('HSET', base .. 'skipped', ARGV[i], ARGV[i + 1])
  end
end
set_job('upload_ms', int(now_ms()), 'slices', slices)
return {'STORED'}
