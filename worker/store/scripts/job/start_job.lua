-- Ends the upload and queues the job. A repeated call changes nothing.
--
-- KEYS  1 the job's hash
-- ARGV  1 window   2 total   3 slices   4 deadline in seconds from its creation, or ''
--       5 ids in a slice   6.. field, value ... of the job's hash
-- Returns {code, ticket ...}: STARTED with the slices to send messages for; ALREADY; NO_JOB;
--   OTHER_VERSION, the job has another record version.
-- include: job state ending window

local window, total, slices, deadline, slice_ids = tonumber(ARGV[1]), ARGV[2], ARGV[3], ARGV[4], ARGV[5]

local state = job_field('state')
if not state then return {'NO_JOB'} end
if is_of_other_version() then return {'OTHER_VERSION'} end
if state ~= 'preparing' then return {'ALREADY'} end
local now = now_ms()
set_job('total', total, 'n_pending', total, 'slices', slices, 'next_slice', 0,
  'slice_ids', slice_ids, unpack(ARGV, 6))
if deadline ~= '' then
  set_job('deadline_ms', int(job_number('created_ms') + 1000 * tonumber(deadline)))
end
local root = job_field('root_job_id')
-- The family is stored with its root: if that was purged, a write would leave a key that nothing removes.
if root and redis.call('EXISTS', 'bulk:{' .. root .. '}:job') == 1 then
  redis.call('RPUSH', 'bulk:{' .. root .. '}:family', job_field('id'))
end
set_state(now, 'queued', '', '', '')
if finish_if_done(now) then return {'STARTED'} end
return {'STARTED', unpack(fill_window(now, window))}
