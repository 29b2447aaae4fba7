"""Every page."""

from typing import Final

from producers.web.page import assets, job, jobs, new, sign_in, steer

PAGES: Final = (
    sign_in.show_sign_in,
    sign_in.sign_in,
    sign_in.sign_out,
    assets.asset,
    jobs.jobs_page,
    job.job_page,
    job.find_id,
    job.results_file,
    job.report_file,
    steer.steer,
    steer.retry,
    new.new_page,
    new.check_list,
    new.plan_page,
    new.activate,
)
