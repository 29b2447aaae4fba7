-- Changes a job's share of its organization's rate. Slices claimed from now on have it.
--
-- KEYS  1 the job's hash
-- ARGV  1 the weight   2 states at rest, each between spaces
-- Returns {code, state}: CHANGED; IN_FORCE, nothing to do; ILLEGAL, the job rests; NO_JOB;
--   OTHER_VERSION, the job has another record version and is not changed.
-- include: job

local weight, at_rest = ARGV[1], ARGV[2]
local state = job_field('state')
if not state then return {'NO_JOB', ''} end
if is_of_other_version() then return {'OTHER_VERSION', state} end
if string.find(at_rest, ' ' .. state .. ' ', 1, true) then return {'ILLEGAL', state} end
if job_field('weight') == weight then return {'IN_FORCE', state} end
set_job('weight', weight)
return {'CHANGED', state}
