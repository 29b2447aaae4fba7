-- The upload of a list.
-- include: job

-- When the submitter last gave a sign of life.
local function last_upload()
  return math.max(job_number('upload_ms'), job_number('created_ms'))
end
