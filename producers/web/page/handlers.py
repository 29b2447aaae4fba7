"""Every page."""

from typing import Final

from producers.web.page import assets, job, jobs, sign_in

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
)
